"""How kernels are spread over threads, for each kind of adapter.

A software adapter pays for each number that a thread loads, for each barrier and for each branch, and hardly for the arithmetic. dlight's
schedules, which are made for GPUs, are several times as slow there.
"""

from tvm import ir, s_tir, tirx
from tvm.s_tir import dlight
from tvm.s_tir.schedule import LoopRV, SBlockRV
from tvm.target import Target
from tvm_ffi import structural_map

PRODUCT = "matmul_nt"  # the block that `times_transposed` writes: [1, s, in], [out, in] → [1, s, out]
ROWS, COLUMNS = 4, 4  # of a tile: tokens and outputs
STEPS = 4  # of the sum, written out
WIDTH = 64  # threads of a group
GUARD = ir.Op.get("prim.if_then_else")


class Tiles(dlight.ScheduleRule):
    """Multiplies matrices, and adds what there is to add, with a tile of the result for each thread.

    A tile of 4 × 4 loads 8 numbers for 16 products, where one thread for each number would load 2 for each.
    """

    def apply(self, func: tirx.PrimFunc, target: Target, _: bool) -> s_tir.Schedule | None:
        schedule = s_tir.Schedule(func)
        if PRODUCT not in [schedule.get(block).name_hint for block in schedule.get_child_blocks(schedule.get_sblock("root"))]:
            return None
        product = schedule.get_sblock(PRODUCT)
        _, tokens, outputs, inputs = (schedule.get(loop).extent for loop in schedule.get_loops(product))
        rows = 1 if isinstance(tokens, tirx.IntImm) else ROWS
        schedule.pad_einsum(product, [1, rows, 1, 1])
        result = _result(schedule, product)
        thread = _threads(schedule, result, rows, _divisor(int(outputs), COLUMNS))
        schedule.compute_at(product, thread, preserve_unit_loops=True)
        _sum(schedule, product, _divisor(int(inputs), STEPS))
        return s_tir.Schedule(_without_guards(schedule.mod["main"]))


class OneRow(dlight.gpu.GeneralReduction):
    """Lets threads share the sums of a single row. Where there are many, each has a thread of its own and needs no barrier."""

    def apply(self, func: tirx.PrimFunc, target: Target, tunable: bool) -> s_tir.Schedule | None:
        blocks = dlight.normalize_prim_func(s_tir.Schedule(func)) or []
        return super().apply(func, target, tunable) if all(isinstance(size, int) for block in blocks for size in block.dom()) else None


SCHEDULES = {
    "gpu": [dlight.gpu.Matmul(), dlight.gpu.GEMV(), dlight.gpu.Reduction(), dlight.gpu.GeneralReduction(), dlight.gpu.Fallback()],
    "software": [Tiles(), OneRow(), dlight.gpu.Fallback()],
}


def _divisor(size: int, most: int) -> int:
    """The largest divisor up to `most`: what divides evenly needs no branch."""
    return next(divisor for divisor in range(most, 0, -1) if size % divisor == 0)


def _result(schedule: s_tir.Schedule, product: SBlockRV) -> SBlockRV:
    """The block that writes what the function returns, after everything between it and the product is written into it."""
    after = schedule.get_consumers(product)
    if not after:
        return schedule.cache_write(product, 0, "local")
    schedule.set_scope(product, 0, "local")
    while following := schedule.get_consumers(after[0]):
        schedule.compute_inline(after[0])
        after = following
    return after[0]


def _threads(schedule: s_tir.Schedule, result: SBlockRV, rows: int, columns: int) -> LoopRV:
    """Gives each thread a tile of the result; returns the threads' loop."""
    batch, token, output = schedule.get_loops(result)
    tokens, token = schedule.split(token, [None, rows])
    outputs, output = schedule.split(output, [None, columns])
    outputs, thread = schedule.split(outputs, [None, _divisor(int(schedule.get(outputs).extent), WIDTH)])
    schedule.reorder(tokens, outputs, thread, batch, token, output)
    schedule.bind(tokens, "blockIdx.y")
    schedule.bind(outputs, "blockIdx.x")
    schedule.bind(thread, "threadIdx.x")
    schedule.unroll(token)
    schedule.unroll(output)
    return thread


def _sum(schedule: s_tir.Schedule, product: SBlockRV, written_out: int) -> None:
    """In each step, loads a column of either tile once and adds all of their products."""
    *_, token, output, k = schedule.get_loops(product)
    steps, step = schedule.split(k, [None, written_out])
    schedule.reorder(steps, step, token, output)
    depth = len(schedule.get_loops(product)) - 2
    for operand in (0, 1):
        loaded = schedule.cache_read(product, operand, "local")
        for padded in schedule.get_producers(loaded):
            schedule.compute_inline(padded)
        schedule.compute_at(loaded, step)
        for loop in schedule.get_loops(loaded)[depth:]:
            schedule.unroll(loop)
    for loop in (step, token, output):
        schedule.unroll(loop)
    schedule.decompose_reduction(product, steps)


def _without_guards(func: tirx.PrimFunc) -> tirx.PrimFunc:
    """Lets the last tile read past the last token: WebGPU keeps that within the buffer, and what comes of it is not written."""

    def read(call: ir.Call) -> ir.Expr:
        return call.args[1] if call.op.same_as(GUARD) else call

    return func.with_body(structural_map(func.body, (ir.Call, read)))
