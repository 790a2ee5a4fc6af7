"""Compiles a Hugging Face model of the Llama, Qwen2 or Qwen3 family for WebLLM (`npm run organism:webllm`).

Writes the folder that WebLLM loads: a WebAssembly library for each kind of adapter, the weights in shards, the tokenizer,
mlc-chat-config.json, and manifest.json with the size and SHA-256 of every file.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from build import build_library
from chat import CHAT_CONFIG, write_chat_config
from config import UnsupportedModel, read_config
from link import ToolMissing, link
from schedules import SCHEDULES
from weights import write_shards

HERE = Path(__file__).resolve().parent
ORGANISM = HERE.parent.parent / "static/organism"
CONTEXT = 4096  # tokens, where the model itself has more and nothing else is asked for
CHUNK = 512


def main() -> None:
    options = _options()
    try:
        _compile(options)
    except (UnsupportedModel, ToolMissing) as error:
        sys.exit(str(error))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ORGANISM, help="a Hugging Face model (default: the organism)")
    parser.add_argument("--out", type=Path, help="where the compiled model goes (default: FOLDER/webllm)")
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="of weights and activations")
    parser.add_argument("--context", type=_tokens, help=f"most tokens of a conversation (default: the model's own, at most {CONTEXT})")
    parser.add_argument("--chunk", type=_tokens, help=f"most tokens that are read at once (default: half of the context, at most {CHUNK})")
    return parser.parse_args()


def _tokens(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"{text} tokens are too few; expected a whole number from 2.")
    return number


def _compile(options: argparse.Namespace) -> None:
    config = read_config(options.folder)
    context = min(options.context or CONTEXT, config.max_positions)
    chunk = min(options.chunk or min(CHUNK, context // 2), context)
    out: Path = options.out or options.folder / "webllm"
    if out.exists() and any(out.iterdir()) and not (out / CHAT_CONFIG).exists():
        raise UnsupportedModel(f"{out} holds something else than a compiled model: name another folder with --out.")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        made = work / "made"
        made.mkdir()
        write_chat_config(options.folder, config, options.dtype, context, chunk, made)
        for schedule in SCHEDULES:
            print(f"Compiling the decoder for {schedule} adapters …", flush=True)
            built, shapes = build_library(config, options.dtype, context, chunk, schedule, work / schedule)
            link(built, made / f"{schedule}.wasm")
        write_shards(options.folder, shapes, options.dtype, made)
        shutil.copy(HERE / "NOTICE", made)
        _write_manifest(options, made)
        # All or nothing: what is there stays until the new files are complete.
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {size / 1e6:.1f} MB")


def _write_manifest(options: argparse.Namespace, out: Path) -> None:
    files = sorted(out.iterdir())
    weights = options.folder / "model.safetensors"
    manifest = {
        "dtype": options.dtype,
        "libraries": {schedule: f"{schedule}.wasm" for schedule in SCHEDULES},
        "weights": _sha256(weights) if weights.exists() else None,
        "versions": {name: version(name) for name in ("apache-tvm", "apache-tvm-ffi")},
        "files": [{"path": file.name, "bytes": file.stat().st_size, "sha256": _sha256(file)} for file in files],
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent="\t") + "\n")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    main()
