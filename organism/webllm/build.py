"""From a decoder's shape to WebAssembly objects that hold its shaders: TVM's part of the work."""

import json
import shutil
import tempfile
from pathlib import Path

import tvm
from tvm import relax
from tvm.s_tir import dlight

from attention import PAGE_SIZE
from config import DecoderConfig
from decoder import export
from kv_cache import add_cache
from sampling import add_sampling
from schedules import SCHEDULES


def webgpu_target() -> tvm.target.Target:
    """WebGPU for the kernels, WebAssembly for what calls them."""
    return tvm.target.Target(
        {"kind": "webgpu", "max_num_threads": 256}, host={"kind": "llvm", "mtriple": "wasm32-unknown-unknown-wasm"}
    )


def build_library(config: DecoderConfig, dtype: str, context: int, chunk: int, schedule: str, out: Path) -> tuple[list[Path], list[tuple]]:
    """Compiles the decoder; returns the objects to link and the weights that it takes, as (name, shape)."""
    target = webgpu_target()
    module, weights = export(config, dtype)
    shapes = [(name, tuple(int(size) for size in weight.shape)) for name, weight in weights]
    builder = relax.BlockBuilder(module)
    add_sampling(builder)
    add_cache(builder, config, dtype, schedule, target)
    with builder.function("_metadata", []):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(_metadata(config, dtype, context, chunk, shapes))))
    module = _with_bounds(builder.finalize(), config, context, chunk)
    with target:
        executable = relax.build(module, target, relax_pipeline=_pipeline(target, schedule), system_lib=True)
    return _objects(executable, out), shapes


def _metadata(config: DecoderConfig, dtype: str, context: int, chunk: int, shapes: list[tuple]) -> dict:
    return {
        "model_type": config.family,
        "quantization": "q0f16" if dtype == "float16" else "q0f32",
        "context_window_size": context,
        "sliding_window_size": -1,
        "attention_sink_size": -1,
        "prefill_chunk_size": chunk,
        "tensor_parallel_shards": 1,
        "kv_state_kind": "kv_cache",
        "max_batch_size": 1,
        "params": [{"name": name, "shape": shape, "dtype": dtype, "preprocs": []} for name, shape in shapes],
        "memory_usage": {},
    }


def _with_bounds(module: tvm.IRModule, config: DecoderConfig, context: int, chunk: int) -> tvm.IRModule:
    """Sizes that are known at run time only, with the most that they can be: memory is planned for them."""
    bounds = {
        "seq_len": chunk,
        "total_seq_len": context,
        "batch_size": 1,
        "vocab_size": config.vocab_size,
        "num_token": config.vocab_size,
        "num_seq": 1,
        "max_batch_size": 1,
        "max_total_seq_len": context,
        "prefill_chunk_size": chunk,
        "page_size": PAGE_SIZE,
        "support_sliding_window": 1,
    }
    for name, function in list(module.functions_items()):
        if isinstance(function, relax.Function):
            module[name] = function.with_attr("tir_var_upper_bound", bounds)
    return module


def _pipeline(target: tvm.target.Target, schedule: str):
    step = relax.transform

    @tvm.transform.module_pass(opt_level=0)
    def pipeline(module: tvm.IRModule, _: tvm.transform.PassContext) -> tvm.IRModule:
        with target:
            return tvm.transform.Sequential(
                [
                    step.LegalizeOps(),
                    step.RewriteDataflowReshape(),
                    step.AnnotateTIROpPattern(),
                    step.FoldConstant(),
                    step.FuseOps(),
                    step.FuseTIR(),
                    step.DeadCodeElimination(),
                    dlight.ApplyDefaultSchedule(*SCHEDULES[schedule]),
                    tvm.tirx.transform.ForceNarrowIndexToInt32(),
                    step.ToNonDataflow(),
                    step.RemovePurityChecking(),
                    step.CallTIRRewrite(),
                    step.StaticPlanBlockMemory(),
                    step.LowerAllocTensor(),
                    step.KillAfterLastUse(),
                    step.LowerRuntimeBuiltin(),
                    step.ComputePrimValue(),
                    step.VMShapeLower(),
                    step.AttachGlobalSymbol(),
                ]
            )(module)

    return pipeline


def _objects(executable: relax.VMExecutable, out: Path) -> list[Path]:
    """The files that TVM would hand to a linker."""
    out.mkdir(parents=True, exist_ok=True)
    objects: list[Path] = []

    def keep(_: str, files: list[str], **__) -> None:
        for i, file in enumerate(files):
            objects.append(out / f"model{i}{Path(file).suffix}")
            shutil.copy(file, objects[-1])

    keep.object_format = "o"
    with tempfile.TemporaryDirectory() as folder:
        executable.export_library(str(Path(folder) / "unused.wasm"), fcompile=keep)
    return objects
