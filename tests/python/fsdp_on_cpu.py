"""train.py under FSDP on the CPU: accelerate shards on accelerators only, and is told here that these processes have some."""

import runpy
import sys
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import DistributedType

begin = PartialState.__init__


def begin_as_accelerators(self, *args, **kwargs) -> None:
    begin(self, *args, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


PartialState.__init__ = begin_as_accelerators
sys.path.insert(0, str(Path.cwd()))
runpy.run_path('train.py', run_name='__main__')
