"""Compiles the models of models.py for families.test.ts, without the linker's slow search for small code: `build.py FOLDER`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / 'organism/webllm'))

import link
from build import build_library
from chat import write_chat_config
from config import read_config
from schedules import SCHEDULES
from weights import write_shards

CONTEXT, CHUNK = 160, 32


def main(models: Path) -> None:
    link.LINK = ('-O1', *(flag for flag in link.LINK if flag != '-Oz'))
    for folder in sorted(models.iterdir()):
        config = read_config(folder)
        out = folder / 'webllm'
        out.mkdir()
        write_chat_config(folder, config, 'float32', CONTEXT, CHUNK, out)
        for schedule in SCHEDULES:
            objects, shapes = build_library(config, 'float32', CONTEXT, CHUNK, schedule, folder / schedule)
            link.link(objects, out / f'{schedule}.wasm')
        write_shards(folder, shapes, 'float32', out)


main(Path(sys.argv[1]))
