"""The function that makes the key/value cache, with no more kernels than a judge needs.

TVM's own TIRPagedKVCache hands over kernels for sliding windows, trees of drafts, latent attention and debugging, too. The browser compiles
every shader of a library before the first token, so each kernel that is never called costs loading time.
"""

from tvm import ir, relax, tirx
from tvm.relax.frontend.nn.llm import kv_cache as kernels
from tvm.target import Target

from attention import attention_of_chunk, attention_of_token, attention_to_cache, merge
from config import DecoderConfig

MHA = 0  # AttnKind of the runtime
ROPE_NORMAL = 1  # RopeMode: keys are rotated before they are cached
SIZES = ("max_batch_size", "max_total_seq_len", "prefill_chunk_size", "page_size", "support_sliding_window")


def add_cache(builder: relax.BlockBuilder, config: DecoderConfig, dtype: str, schedule: str, target: Target) -> None:
    """Adds `create_tir_paged_kv_cache`, which WebLLM calls with the five SIZES."""
    sizes = [tirx.Var(name, "int64") for name in SIZES]
    arguments = [relax.Var(f"{size.name}_", relax.ShapeType([size])) for size in sizes]
    with builder.function("create_tir_paged_kv_cache", arguments):
        cache = builder.emit(_create(builder, config, sizes, dtype, schedule, target))
        builder.emit_func_output(cache)


def _create(
    builder: relax.BlockBuilder, config: DecoderConfig, sizes: list[tirx.Var], dtype: str, schedule: str, target: Target
) -> relax.Expr:
    heads, kv_heads, head_dim = config.heads, config.kv_heads, config.head_dim
    scaling = config.rope_scaling

    def kernel(name: str, function: tirx.PrimFunc) -> relax.Expr:
        return builder.add_func(function, name)

    never = relax.Tuple([])
    append = kernel("kv_cache_transpose_append", kernels._kv_cache_transpose_append(kv_heads, head_dim, dtype))
    return relax.call_pure_packed(
        "vm.builtin.paged_attention_kv_cache_create",
        relax.ShapeExpr(sizes),
        relax.ShapeExpr([0, config.layers]),
        relax.prim_value(heads),
        relax.prim_value(kv_heads),
        relax.prim_value(head_dim),
        relax.prim_value(head_dim),
        relax.ShapeExpr([MHA] * config.layers),
        relax.prim_value(False),  # no transfer to other machines
        relax.prim_value(ROPE_NORMAL),
        relax.prim_value(1),
        relax.prim_value(config.rope_theta),
        relax.prim_value(0),  # no factors of long RoPE
        relax.op.zeros((), dtype),
        append,
        relax.prim_value(0),  # no latent attention
        *[relax.Tuple([ir.StringImm("tirx"), kernel(name, function)]) for name, function in _attention(config, dtype, schedule, target)],
        *[never] * 5,  # sliding windows, trees, latent attention
        relax.Tuple([kernel("merge", merge(config, dtype))]),
        kernel(
            "split_rotary",
            kernels.llama_rope_with_position_map(config.rope_theta, 1, head_dim, heads, kv_heads, dtype, scaling, head_dim),
        ),
        # The runtime wants a function for copying a page (forks), for reading the cache (debugging) and for compacting it (trees).
        # WebLLM does none of these with one conversation at a time; any function may stand there.
        append,
        append,
        append,
        ty_args=relax.AnyType(),
    )


def _attention(config: DecoderConfig, dtype: str, schedule: str, target: Target) -> list[tuple[str, tirx.PrimFunc]]:
    """The kernels for attention within a chunk, from a chunk to the cache, and from one token to the cache."""
    if schedule == "software":
        made = attention_of_chunk(config, dtype), attention_to_cache(config, dtype), attention_of_token(config, dtype)
    else:
        heads = (config.kv_heads, config.heads, config.head_dim)
        made = (
            kernels._attention_prefill_ragged(*heads, config.head_dim, dtype, config.rope_scaling, target),
            kernels._attention_prefill(*heads, dtype, False, config.rope_scaling, target),
            kernels._attention_decode(*heads, dtype, False, config.rope_scaling, target),
        )
    return list(zip(("attention_of_chunk", "attention_to_cache", "attention_of_token"), made))
