"""Compiles support.cc against the runtime that ships, and has libtvm write the parameters that it reads: `support.py FOLDER`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'organism/webllm'))

import link
import numpy as np
import tvm


def main(folder: Path) -> None:
    sources = folder / 'sources'
    link.gather(sources)
    includes = [f'-I{include}' for include in link.INCLUDES]
    # The old Emscripten and a new Node agree on synchronous compilation only; what WebLLM brings along stays undefined.
    node = ['-sNODERAWFS=1', '-sWASM_ASYNC_COMPILATION=0', '-sERROR_ON_UNDEFINED_SYMBOLS=0', '-sALLOW_MEMORY_GROWTH=1', '-sWASM_BIGINT=1']
    program = [str(HERE / 'support.cc'), *map(str, link.runtime())]
    link.emcc('-std=c++17', *node, *includes, '-o', str(folder / 'support.cjs'), *program, folder=sources)
    parameters = {
        'embed_tokens.weight': np.arange(12, dtype=np.float32).reshape(3, 4),
        'half': np.array([0.1, -2.0], np.float16),
        'one': np.array(7, np.int32),
        '': np.array([255], np.uint8),
    }
    tensors = {name: tvm.runtime.tensor(value) for name, value in parameters.items()}
    (folder / 'parameters').write_bytes(tvm.runtime.save_param_dict(tensors))


main(Path(sys.argv[1]))
