"""Attention for software adapters: one thread for each query and head, which reads the keys one after the other.

TVM's own kernels share tiles between threads. That is what a GPU wants; in software every barrier costs, and so does compiling them.
A running softmax keeps the largest score (`most`) and the sum of the weights below it (`mass`), in base 2 as TVM's runtime expects.
WebLLM has one conversation at a time, so what the runtime tells of the places of several is not read.

Letters: n queries, m keys, h query heads, g key/value heads, e features of a head, p pages of the cache, r of them in use.
"""

import math

from tvm import tirx
from tvm.script import tirx as T

from config import DecoderConfig

PAGE_SIZE = 16  # tokens; WebLLM's own
WIDTH = 64  # threads of a group
NOTHING = -5e4  # a score with no weight


def _at_row(rows, _, row, head, i):
    return rows[row, head, i]


def _key_in_page(pages, table, row, head, i):
    return pages[table[row // PAGE_SIZE], 0, head, row % PAGE_SIZE, i]


def _value_in_page(pages, table, row, head, i):
    return pages[table[row // PAGE_SIZE], 1, head, row % PAGE_SIZE, i]


def _in_use(pages, in_last):
    return (pages - 1) * PAGE_SIZE + in_last[0]


# `key` and `value` say where a row's numbers lie in `keys` and `values`; `table` is the list of pages.
@T.macro
def attend(q, keys, values, table, key, value, n, m, h, g, e, dtype, scale, causal, out, lse):
    for block in T.thread_binding((n * h + WIDTH - 1) // WIDTH, thread="blockIdx.x"):
        for thread in T.thread_binding(WIDTH, thread="threadIdx.x"):
            with T.sblock("attend"):
                T.reads()
                T.writes()
                query = T.sblock_alloc_buffer((e,), "float32", scope="local")
                total = T.sblock_alloc_buffer((e,), "float32", scope="local")
                most = T.sblock_alloc_buffer((1,), "float32", scope="local")
                mass = T.sblock_alloc_buffer((1,), "float32", scope="local")
                score = T.sblock_alloc_buffer((1,), "float32", scope="local")
                fade = T.sblock_alloc_buffer((1,), "float32", scope="local")
                if block * WIDTH + thread < n * h:
                    token: T.let[T.int32] = (block * WIDTH + thread) // h
                    head: T.let[T.int32] = (block * WIDTH + thread) % h
                    most[0] = T.float32(NOTHING)
                    mass[0] = T.float32(0)
                    for i in range(e):
                        query[i] = T.Cast("float32", q[token, head, i]) * scale * T.float32(math.log2(math.e))
                        total[i] = T.float32(0)
                    for row in range(T.Select(causal > 0, m - n + token + 1, m)):
                        score[0] = T.float32(0)
                        for i in range(e):
                            score[0] = score[0] + query[i] * T.Cast("float32", key(keys, table, row, head // (h // g), i))
                        fade[0] = T.exp2(most[0] - T.max(most[0], score[0]))
                        most[0] = T.max(most[0], score[0])
                        score[0] = T.exp2(score[0] - most[0])
                        mass[0] = mass[0] * fade[0] + score[0]
                        for i in range(e):
                            total[i] = total[i] * fade[0] + score[0] * T.Cast("float32", value(values, table, row, head // (h // g), i))
                    for i in range(e):
                        out[token, head, i] = T.Cast(dtype, total[i] / mass[0])
                    lse[token, head] = most[0] + T.log2(mass[0])


def attention_of_chunk(config: DecoderConfig, dtype: str) -> tirx.PrimFunc:
    """Attention of the tokens of a chunk to each other."""
    h, g, e = config.heads, config.kv_heads, config.head_dim

    @T.prim_func(s_tir=True)
    def attention_of_chunk(
        q_: T.handle,
        q_starts: T.handle,
        k_: T.handle,
        v_: T.handle,
        k_starts: T.handle,
        q_positions: T.handle,
        k_positions: T.handle,
        out_: T.handle,
        lse_: T.handle,
        causal: T.int32,
        rotate: T.int32,
        rope_scale: T.float32,
        rope_theta: T.float32,
        scale: T.float32,
    ):
        T.func_attr({"tirx.is_scheduled": True})
        n = T.int32()
        m = T.int32()
        q = T.match_buffer(q_, (n, h, e), dtype)
        k = T.match_buffer(k_, (m, g, e), dtype)
        v = T.match_buffer(v_, (m, g, e), dtype)
        out = T.match_buffer(out_, (n, h, e), dtype)
        lse = T.match_buffer(lse_, (n, h), "float32")
        attend(q, k, v, q, _at_row, _at_row, n, m, h, g, e, dtype, scale, causal, out, lse)

    return attention_of_chunk


def attention_to_cache(config: DecoderConfig, dtype: str) -> tirx.PrimFunc:
    """Attention of the tokens of a chunk to those before it."""
    h, g, e = config.heads, config.kv_heads, config.head_dim

    @T.prim_func(s_tir=True)
    def attention_to_cache(
        q_: T.handle,
        q_starts: T.handle,
        pages_: T.handle,
        page_starts: T.handle,
        table_: T.handle,
        in_last_: T.handle,
        k_positions: T.handle,
        q_positions: T.handle,
        out_: T.handle,
        lse_: T.handle,
        causal: T.int32,
        rotate: T.int32,
        rope_scale: T.float32,
        rope_theta: T.float32,
        scale: T.float32,
    ):
        T.func_attr({"tirx.is_scheduled": True})
        n = T.int32()
        p = T.int32()
        r = T.int32()
        pages_offset = T.int64()
        table_offset = T.int32()
        in_last_offset = T.int32()
        q = T.match_buffer(q_, (n, h, e), dtype)
        pages = T.match_buffer(pages_, (p, 2, g, PAGE_SIZE, e), dtype, elem_offset=pages_offset)
        table = T.match_buffer(table_, (r,), "int32", elem_offset=table_offset)
        in_last = T.match_buffer(in_last_, (1,), "int32", elem_offset=in_last_offset)
        out = T.match_buffer(out_, (n, h, e), dtype)
        lse = T.match_buffer(lse_, (n, h), "float32")
        attend(q, pages, pages, table, _key_in_page, _value_in_page, n, _in_use(r, in_last), h, g, e, dtype, scale, causal, out, lse)

    return attention_to_cache


def attention_of_token(config: DecoderConfig, dtype: str) -> tirx.PrimFunc:
    """Attention of one token, which lies in the cache already, to all that is there."""
    h, g, e = config.heads, config.kv_heads, config.head_dim

    @T.prim_func(s_tir=True)
    def attention_of_token(
        q_: T.handle,
        pages_: T.handle,
        page_starts: T.handle,
        table_: T.handle,
        in_last_: T.handle,
        k_positions: T.handle,
        q_positions: T.handle,
        out_: T.handle,
        lse_: T.handle,
        rotate: T.int32,
        rope_scale: T.float32,
        rope_theta: T.float32,
        scale: T.float32,
    ):
        T.func_attr({"tirx.is_scheduled": True})
        n = T.int32()
        p = T.int32()
        r = T.int32()
        pages_offset = T.int64()
        table_offset = T.int32()
        in_last_offset = T.int32()
        q = T.match_buffer(q_, (n, h, e), dtype)
        pages = T.match_buffer(pages_, (p, 2, g, PAGE_SIZE, e), dtype, elem_offset=pages_offset)
        table = T.match_buffer(table_, (r,), "int32", elem_offset=table_offset)
        in_last = T.match_buffer(in_last_, (1,), "int32", elem_offset=in_last_offset)
        out = T.match_buffer(out_, (n, h, e), dtype)
        lse = T.match_buffer(lse_, (n, h), "float32")
        attend(q, pages, pages, table, _key_in_page, _value_in_page, n, _in_use(r, in_last), h, g, e, dtype, scale, 0, out, lse)

    return attention_of_token


def merge(config: DecoderConfig, dtype: str) -> tirx.PrimFunc:
    """Attention to two sets of keys, from that to each. TVM's own kernel has threads that read what others have written already."""
    h, e = config.heads, config.head_dim

    @T.prim_func(s_tir=True)
    def merge(out_: T.handle, lse_: T.handle, other_: T.handle, other_lse_: T.handle):
        T.func_attr({"tirx.is_scheduled": True})
        n = T.int32()
        out = T.match_buffer(out_, (n, h, e), dtype)
        lse = T.match_buffer(lse_, (n, h), "float32")
        other = T.match_buffer(other_, (n, h, e), dtype)
        other_lse = T.match_buffer(other_lse_, (n, h), "float32")
        for block in T.thread_binding((n * h + WIDTH - 1) // WIDTH, thread="blockIdx.x"):
            for thread in T.thread_binding(WIDTH, thread="threadIdx.x"):
                with T.sblock("merge"):
                    T.reads()
                    T.writes()
                    most = T.sblock_alloc_buffer((1,), "float32", scope="local")
                    mass = T.sblock_alloc_buffer((2,), "float32", scope="local")
                    if block * WIDTH + thread < n * h:
                        token: T.let[T.int32] = (block * WIDTH + thread) // h
                        head: T.let[T.int32] = (block * WIDTH + thread) % h
                        most[0] = T.max(lse[token, head], other_lse[token, head])
                        mass[0] = T.exp2(lse[token, head] - most[0])
                        mass[1] = T.exp2(other_lse[token, head] - most[0])
                        for i in range(e):
                            out[token, head, i] = T.Cast(
                                dtype,
                                (mass[0] * T.Cast("float32", out[token, head, i]) + mass[1] * T.Cast("float32", other[token, head, i]))
                                / (mass[0] + mass[1]),
                            )
                        lse[token, head] = most[0] + T.log2(mass[0] + mass[1])

    return merge
