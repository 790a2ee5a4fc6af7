"""What WebLLM does with logits: bias, penalties, grammar masks, and drawing a token. Plain kernels, each with its threads written out.

Letters: b rows of logits, v words of the vocabulary, n entries of a list, q sequences.
"""

from tvm import relax, tirx
from tvm.script import tirx as T

WIDTH = 256  # threads that draw a token together
HALVINGS = 24  # of the interval in which the nucleus' least probability lies
FORBIDDEN = -3.0e38


@T.prim_func(s_tir=True)
def number_tokens(p: T.handle, copied: T.handle, numbers: T.handle):
    T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
    v = T.int32()
    P = T.match_buffer(p, (1, v), "float32")
    C = T.match_buffer(copied, (1, v), "float32")
    N = T.match_buffer(numbers, (1, v), "int32")
    for block in T.thread_binding((v + 63) // 64, thread="blockIdx.x"):
        for thread in T.thread_binding(64, thread="threadIdx.x"):
            with T.sblock("number"):
                T.reads(P[0, 0:v])
                T.writes(C[0, 0:v], N[0, 0:v])
                if block * 64 + thread < v:
                    C[0, block * 64 + thread] = P[0, block * 64 + thread]
                    N[0, block * 64 + thread] = block * 64 + thread


@T.prim_func(s_tir=True)
def draw(p: T.handle, numbers: T.handle, uniform: T.handle, top_p: T.handle, drawn: T.handle):
    T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
    v = T.int32()
    P = T.match_buffer(p, (1, v), "float32")
    N = T.match_buffer(numbers, (1, v), "int32")
    U = T.match_buffer(uniform, (1,), "float32")
    TP = T.match_buffer(top_p, (1,), "float32")
    D = T.match_buffer(drawn, (1,), "int32")
    for block in T.thread_binding(1, thread="blockIdx.x"):
        for thread in T.thread_binding(WIDTH, thread="threadIdx.x"):
            with T.sblock("draw"):
                T.reads(P[0, 0:v], N[0, 0:v], U[0], TP[0])
                T.writes(D[0])
                part = T.sblock_alloc_buffer((WIDTH,), "float32", scope="shared")
                # least and most: between them lies the least probability of the nucleus, the smallest set with a mass of top_p.
                least = T.sblock_alloc_buffer((1,), "float32", scope="local")
                most = T.sblock_alloc_buffer((1,), "float32", scope="local")
                mass = T.sblock_alloc_buffer((1,), "float32", scope="local")
                found = T.sblock_alloc_buffer((2,), "int32", scope="local")
                least[0] = T.float32(0)
                most[0] = T.float32(1)
                for halving in range(T.Select(TP[0] < T.float32(1), HALVINGS, 0)):
                    mass[0] = T.float32(0)
                    for i in range((v + WIDTH - 1) // WIDTH):
                        if i * WIDTH + thread < v:
                            if P[0, i * WIDTH + thread] >= (least[0] + most[0]) * T.float32(0.5):
                                mass[0] = mass[0] + P[0, i * WIDTH + thread]
                    part[thread] = mass[0]
                    T.tvm_storage_sync("shared")
                    mass[0] = T.float32(0)
                    for i in range(WIDTH):
                        mass[0] = mass[0] + part[i]
                    T.tvm_storage_sync("shared")
                    if mass[0] >= TP[0]:
                        least[0] = (least[0] + most[0]) * T.float32(0.5)
                    else:
                        most[0] = (least[0] + most[0]) * T.float32(0.5)
                # Each thread weighs its own stretch of the vocabulary; the first finds the stretch, and in it the token.
                mass[0] = T.float32(0)
                for i in range((v + WIDTH - 1) // WIDTH):
                    if thread * ((v + WIDTH - 1) // WIDTH) + i < v:
                        if P[0, thread * ((v + WIDTH - 1) // WIDTH) + i] >= least[0]:
                            mass[0] = mass[0] + P[0, thread * ((v + WIDTH - 1) // WIDTH) + i]
                part[thread] = mass[0]
                T.tvm_storage_sync("shared")
                if thread == 0:
                    mass[0] = T.float32(0)
                    for i in range(WIDTH):
                        mass[0] = mass[0] + part[i]
                    # `most` is what is left to go until the token is reached.
                    most[0] = U[0] * mass[0]
                    found[0] = 0
                    found[1] = 0
                    for i in range(WIDTH):
                        mass[0] = part[i]
                        if found[0] == 0 and mass[0] > T.float32(0):
                            found[1] = i
                            if most[0] < mass[0]:
                                found[0] = 1
                            else:
                                most[0] = most[0] - mass[0]
                    # Rounding may leave a crumb at the end: then it is the last token of the last stretch.
                    if found[0] == 0:
                        most[0] = T.float32(2)
                    found[0] = 0
                    for i in range((v + WIDTH - 1) // WIDTH):
                        if found[0] == 0 and found[1] * ((v + WIDTH - 1) // WIDTH) + i < v:
                            if P[0, found[1] * ((v + WIDTH - 1) // WIDTH) + i] >= least[0]:
                                D[0] = N[0, found[1] * ((v + WIDTH - 1) // WIDTH) + i]
                                most[0] = most[0] - P[0, found[1] * ((v + WIDTH - 1) // WIDTH) + i]
                                if most[0] < T.float32(0):
                                    found[0] = 1


@T.prim_func(s_tir=True)
def add_bias(logits: T.handle, rows: T.handle, tokens: T.handle, bias: T.handle):
    T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
    b = T.int32()
    v = T.int32()
    n = T.int32()
    L = T.match_buffer(logits, (b, v), "float32")
    R = T.match_buffer(rows, (n,), "int32")
    W = T.match_buffer(tokens, (n,), "int32")
    B = T.match_buffer(bias, (n,), "float32")
    for block in T.thread_binding((n + 63) // 64, thread="blockIdx.x"):
        for thread in T.thread_binding(64, thread="threadIdx.x"):
            with T.sblock("bias"):
                T.reads(R[0:n], W[0:n], B[0:n], L[0:b, 0:v])
                T.writes(L[0:b, 0:v])
                if block * 64 + thread < n:
                    i = block * 64 + thread
                    L[R[i], W[i]] = L[R[i], W[i]] + B[i]


@T.prim_func(s_tir=True)
def penalize(logits: T.handle, sequences: T.handle, rows: T.handle, tokens: T.handle, counts: T.handle, penalties: T.handle):
    T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
    b = T.int32()
    v = T.int32()
    n = T.int32()
    q = T.int32()
    L = T.match_buffer(logits, (b, v), "float32")
    S = T.match_buffer(sequences, (q,), "int32")
    R = T.match_buffer(rows, (n,), "int32")
    W = T.match_buffer(tokens, (n,), "int32")
    C = T.match_buffer(counts, (n,), "int32")
    P = T.match_buffer(penalties, (q, 3), "float32")  # presence, frequency, repetition
    for block in T.thread_binding((n + 63) // 64, thread="blockIdx.x"):
        for thread in T.thread_binding(64, thread="threadIdx.x"):
            with T.sblock("penalize"):
                T.reads(S[0:q], R[0:n], W[0:n], C[0:n], P[0:q, 0:3], L[0:b, 0:v])
                T.writes(L[0:b, 0:v])
                lessened = T.sblock_alloc_buffer((1,), "float32", scope="local")
                if block * 64 + thread < n:
                    i = block * 64 + thread
                    lessened[0] = L[S[R[i]], W[i]] - P[R[i], 0] - T.Cast("float32", C[i]) * P[R[i], 1]
                    L[S[R[i]], W[i]] = T.Select(lessened[0] > T.float32(0), lessened[0] / P[R[i], 2], lessened[0] * P[R[i], 2])


@T.prim_func(s_tir=True)
def mask(logits: T.handle, sequences: T.handle, bits: T.handle):
    T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
    b = T.int32()
    v = T.int32()
    q = T.int32()
    L = T.match_buffer(logits, (b, v), "float32")
    S = T.match_buffer(sequences, (q,), "int32")
    M = T.match_buffer(bits, (b, (v + 31) // 32), "int32")
    for block in T.thread_binding((q * v + 63) // 64, thread="blockIdx.x"):
        for thread in T.thread_binding(64, thread="threadIdx.x"):
            with T.sblock("mask"):
                T.reads(S[0:q], M[0:b, 0 : (v + 31) // 32], L[0:b, 0:v])
                T.writes(L[0:b, 0:v])
                if block * 64 + thread < q * v:
                    row = S[(block * 64 + thread) // v]
                    word = (block * 64 + thread) % v
                    if T.bitwise_and(T.shift_right(M[row, word // 32], word % 32), 1) == 0:
                        L[row, word] = T.float32(FORBIDDEN)


def add_sampling(builder: relax.BlockBuilder) -> None:
    """Adds the functions with which WebLLM turns logits into a token.

    WebLLM hands what `argsort_probs` returns to `sample_with_top_p` and to nobody else. A sort of a vocabulary costs more than the
    sampling, and finding the nucleus needs none: so nothing is sorted, and the tokens are numbered as they stand.
    """
    vocabulary = tirx.Var("vocab_size", "int64")
    row = (1, vocabulary)
    probs = _var("probs", row, "float32")
    with builder.function("argsort_probs", [probs]):
        with builder.dataflow():
            numbered = builder.add_func(number_tokens, "number_tokens")
            types = [relax.TensorType(row, "float32"), relax.TensorType(row, "int32")]
            out = builder.emit_output(relax.call_tir(numbered, [probs], out_ty=types))
        builder.emit_func_output(out)

    probs, numbers = _var("probs", row, "float32"), _var("numbers", row, "int32")
    uniform, index, top_p = (_var(name, (1,), dtype) for name, dtype in (("uniform", "float32"), ("index", "int32"), ("top_p", "float32")))
    with builder.function("sample_with_top_p", [probs, numbers, uniform, index, top_p]):
        with builder.dataflow():
            drawing = builder.add_func(draw, "draw")
            out = builder.emit_output(relax.call_tir(drawing, [probs, numbers, uniform, top_p], out_ty=relax.TensorType((1,), "int32")))
        builder.emit_func_output(out)

    rows, entries, sequences = (tirx.Var(name, "int64") for name in ("batch_size", "num_token", "num_seq"))
    logits = ("logits", (rows, vocabulary), "float32")
    listed = [("rows", (entries,), "int32"), ("tokens", (entries,), "int32")]
    turns = ("sequences", (sequences,), "int32")
    _in_place(builder, "apply_logit_bias_inplace", add_bias, [logits, *listed, ("bias", (entries,), "float32")])
    _in_place(
        builder,
        "apply_penalty_inplace",
        penalize,
        [logits, turns, *listed, ("counts", (entries,), "int32"), ("penalties", (sequences, 3), "float32")],
    )
    words = (rows, tirx.floordiv(vocabulary + 31, tirx.const(32, "int64")))
    _in_place(builder, "apply_bitmask_inplace", mask, [logits, turns, ("bits", words, "int32")])


def _in_place(builder: relax.BlockBuilder, name: str, kernel: tirx.PrimFunc, arguments: list[tuple]) -> None:
    """A function that changes its first argument."""
    variables = [_var(*argument) for argument in arguments]
    with builder.function(name, variables):
        with builder.dataflow():
            called = builder.add_func(kernel, f"{name}_kernel")
            out = builder.emit_output(relax.op.call_tir_inplace(called, variables, [0], out_ty=variables[0].ty))
        builder.emit_func_output(out)


def _var(name: str, shape: tuple, dtype: str) -> relax.Var:
    return relax.Var(name, relax.TensorType(shape, dtype))
