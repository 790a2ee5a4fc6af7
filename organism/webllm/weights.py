"""A model's weights: read from a Hugging Face folder's safetensors, written as the shards that WebLLM fetches."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
from tvm import runtime
from tvm.contrib import tvmjs

from config import UnsupportedModel

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
FUSED = {
    "self_attn.qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "mlp.gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
}


class Weights:
    """The tensors of a model folder, read one at a time as they are asked for."""

    def __init__(self, folder: Path):
        self._places: dict[str, tuple[Path, int, dict]] = {}
        for file in _files(folder):
            start, header = _header(file)
            self._places |= {name: (file, start, entry) for name, entry in header.items() if name != "__metadata__"}

    def read(self, name: str) -> np.ndarray:
        """A tensor in float32. Raises UnsupportedModel when there is none, or when its numbers are of another kind."""
        if name not in self._places:
            raise UnsupportedModel(f"The safetensors hold no {name}; expected it by the config.json beside them.")
        file, start, entry = self._places[name]
        if entry["dtype"] not in DTYPES:
            raise UnsupportedModel(f"{file.name}: {name} is {entry['dtype']}; expected one of {', '.join(DTYPES)}.")
        first, end = entry["data_offsets"]
        with file.open("rb") as opened:
            opened.seek(start + first)
            data = opened.read(end - first)
        return np.frombuffer(data, DTYPES[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    names = sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else ["model.safetensors"]
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise UnsupportedModel(f"{folder / missing[0]} is missing: the weights must be safetensors, in one file or with an index.")
    return [folder / name for name in names]


def _header(file: Path) -> tuple[int, dict]:
    """Where the tensors' bytes begin, and what lies where."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        return 8 + size, json.loads(opened.read(size))


def tensor_for(name: str, weights: Weights) -> np.ndarray:
    """The tensor that the compiled decoder calls `name`: the file's own, or several of them one below the other."""
    if name.startswith("lm_head."):
        return weights.read(name)
    module, kind = f"model.{name}".rsplit(".", 1)
    for fused, parts in FUSED.items():
        if module.endswith(fused):
            layer = module.removesuffix(fused)
            return np.concatenate([weights.read(f"{layer}{part}.{kind}") for part in parts])
    return weights.read(f"model.{name}")


def write_shards(folder: Path, shapes: list[tuple[str, tuple[int, ...]]], dtype: str, out: Path) -> None:
    """Writes tensor-cache.json and its shards. Raises UnsupportedModel when a tensor has another shape than config.json says."""
    weights = Weights(folder)

    def tensors() -> Iterator[tuple[str, runtime.Tensor]]:
        for name, shape in shapes:
            tensor = tensor_for(name, weights)
            if tensor.shape != shape:
                raise UnsupportedModel(f"{name} is {list(tensor.shape)} in the safetensors; expected {list(shape)} by config.json.")
            made = tensor.astype(dtype)
            if not np.isfinite(made).all():
                raise UnsupportedModel(f"{name} holds numbers that {dtype} has no place for: compile with --dtype float32.")
            yield name, runtime.tensor(made)

    numbers = sum(int(np.prod(shape)) for _, shape in shapes)
    bits = np.dtype(dtype).itemsize * 8
    meta = {"ParamSize": len(shapes), "ParamBytes": float(numbers * bits // 8), "BitsPerParam": float(bits)}
    with contextlib.redirect_stdout(None):
        tvmjs.dump_tensor_cache(dict(tensors()), str(out), encode_format="raw", meta_data=meta, show_progress=False)
