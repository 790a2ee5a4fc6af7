"""From objects to the WebAssembly file that WebLLM runs: TVM's runtime, out of the wheel's sources, linked with a model's code."""

import hashlib
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import tvm
import tvm_ffi

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / "build/webllm"  # keeps the compiled runtime
UNITS = ("wasm_runtime", "tvmjs_support", "webgpu_runtime")
# Of the runtime's sources, those that no judge needs. They would be half of the file.
UNUSED = (
    "runtime/extra/contrib/sort/sort.cc",
    "runtime/rpc/rpc_channel.cc",
    "runtime/rpc/rpc_endpoint.cc",
    "runtime/rpc/rpc_event_impl.cc",
    "runtime/vm/rnn_state.cc",
    "ffi/testing/testing.cc",
)
INCLUDES = (".", "include", "3rdparty/tvm-ffi/include", "3rdparty/tvm-ffi/3rdparty/dlpack/include")
COMPILE = ("-Oz", "-std=c++17", "-Wno-ignored-attributes")
# ERROR_ON_UNDEFINED_SYMBOLS knows only all or nothing: `link` itself looks at what stayed undefined.
LINK = (
    "-Oz",
    "--no-entry",
    "-sWASM_BIGINT=1",
    "-sALLOW_MEMORY_GROWTH=1",
    "-sSTANDALONE_WASM=1",
    "-sERROR_ON_UNDEFINED_SYMBOLS=0",
    "-sTOTAL_MEMORY=32MB",
)
FROM_WEBLLM = {"TVMFFIWasmSafeCall", "TVMFFIWasmFunctionDeleter"}


class ToolMissing(Exception):
    """The compiler is not there; the message says how to get it."""


def link(objects: list[Path], wasm: Path) -> None:
    """Links a model's objects with the runtime, which is compiled once. Raises ToolMissing."""
    warnings = emcc(*LINK, "-o", str(wasm), *map(str, [*runtime(), *objects]))
    missing = set(re.findall(r"undefined symbol: (\w+)", warnings)) - FROM_WEBLLM
    if missing:
        raise RuntimeError(f"The runtime lacks {', '.join(sorted(missing))}: adapt UNUSED in {Path(__file__).name}.")
    wasm.chmod(0o644)  # emcc takes it for a program


def runtime() -> list[Path]:
    """The runtime's objects, compiled when the wheel, the compiler or the support headers have changed."""
    key = hashlib.sha256(f"{version('apache-tvm')} {version('apache-tvm-ffi')} {emcc('--version')} {UNUSED} {COMPILE}".encode())
    for header in sorted((HERE / "support").rglob("*.h")):
        key.update(header.read_bytes())
    folder = CACHE / f"runtime-{key.hexdigest()[:16]}"
    objects = [folder / f"{unit}.o" for unit in UNITS]
    if not all(file.exists() for file in objects):
        print("Compiling TVM's runtime (once; some minutes) …", flush=True)
        sources = folder / "sources"
        gather(sources)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda file: _compile(sources, file), objects))
        shutil.rmtree(sources)
    return objects


def _compile(sources: Path, file: Path) -> None:
    """Compiles one unit; a compiler that is stopped leaves no half of a file behind."""
    partial = file.with_suffix(".partial.o")
    # From within the sources: messages of the runtime name their file, and by a path of this machine no two builds would be equal.
    includes = [f"-I{include}" for include in INCLUDES]
    emcc(*COMPILE, *includes, "-c", "-o", str(partial), f"web/emcc/{file.stem}.cc", folder=sources)
    partial.rename(file)


def gather(sources: Path) -> None:
    """Puts the wheel's sources there, with our support headers among them and without what is not needed."""
    shutil.rmtree(sources, ignore_errors=True)
    wheel = Path(tvm.__file__).parent
    for folder in ("src", "include", "web"):
        shutil.copytree(wheel / folder, sources / folder)
    shutil.copytree(Path(tvm_ffi.__file__).parent, sources / "3rdparty/tvm-ffi", ignore=shutil.ignore_patterns("*.so", "lib"))
    shutil.copytree(HERE / "support", sources, dirs_exist_ok=True)
    unit = sources / "web/emcc/wasm_runtime.cc"
    text = unit.read_text()
    for source in UNUSED:
        text, found = re.subn(rf'^#include ".*{re.escape(source)}"\n', "", text, flags=re.MULTILINE)
        if found != 1:
            raise RuntimeError(f"{unit.name} of this apache-tvm does not include {source}: adapt UNUSED in {Path(__file__).name}.")
    unit.write_text(text)


def emcc(*arguments: str, folder: Path | None = None) -> str:
    """What emcc prints, warnings included, when it is called from `folder`."""
    if not shutil.which("emcc"):
        raise ToolMissing("`emcc` of Emscripten was not found (Debian, Ubuntu: apt install emscripten; elsewhere: https://emscripten.org).")
    done = subprocess.run(["emcc", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    if done.returncode != 0:
        raise RuntimeError(f"emcc failed:\n{done.stdout[-4000:]}")
    return done.stdout
