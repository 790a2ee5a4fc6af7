"""The decoder as a TVM module: embed, prefill and decode, the functions that WebLLM calls.

Letters: s tokens, d features of a token, v words of the vocabulary, h query heads, g key/value heads, e features of a head.
"""

from tvm import te
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn import Tensor, op
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache

from config import DecoderConfig


class Linear(nn.Module):
    """y = x·Wᵀ + b, with W [out, in] read as it lies in the file: nn.Linear would transpose it at run time."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False):
        self.weight = nn.Parameter((outputs, inputs))
        self.bias = nn.Parameter((outputs,)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = times_transposed(x, self.weight)
        return y if self.bias is None else y + self.bias


def times_transposed(x: Tensor, weight: Tensor) -> Tensor:
    """x·Wᵀ, summed in float32: [1, s, in], [out, in] → [1, s, out]"""
    outputs, inputs = weight.shape

    def compute(x: te.Tensor, w: te.Tensor) -> te.Tensor:
        k = te.reduce_axis((0, inputs), name="k")
        return te.compute(
            (x.shape[0], x.shape[1], outputs),
            lambda b, s, o: te.sum(x[b, s, k].astype("float32") * w[o, k].astype("float32"), axis=k),
            name="matmul_nt",
        )

    return op.astype(op.tensor_expr_op(compute, "matmul_nt", [x, weight]), x.dtype)


class Attention(nn.Module):
    """Causal attention with rotary positions, over the cache: [1, s, d] → [1, s, d]"""

    def __init__(self, config: DecoderConfig):
        self.config = config
        self.qkv_proj = Linear(config.hidden_size, (config.heads + 2 * config.kv_heads) * config.head_dim, config.qkv_bias)
        self.o_proj = Linear(config.heads * config.head_dim, config.hidden_size, config.output_bias)
        if config.qk_norm:
            self.q_norm = nn.RMSNorm(config.head_dim, -1, config.norm_eps, bias=False)
            self.k_norm = nn.RMSNorm(config.head_dim, -1, config.norm_eps, bias=False)

    def forward(self, x: Tensor, cache: PagedKVCache, layer: int) -> Tensor:
        heads, kv_heads, head_dim = self.config.heads, self.config.kv_heads, self.config.head_dim
        batch, tokens, _ = x.shape
        qkv = op.reshape(self.qkv_proj(x), (batch, tokens, heads + 2 * kv_heads, head_dim))
        if self.config.qk_norm:
            q, k, v = op.split(qkv, [heads, heads + kv_heads], axis=2)
            qkv = op.concat([self.q_norm(q), self.k_norm(k), v], dim=2)
        y = cache.attention_with_fused_qkv(layer, qkv, heads, sm_scale=head_dim**-0.5)
        return self.o_proj(op.reshape(y, (batch, tokens, heads * head_dim)))


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) ⊙ up(x)), with gate and up in one matrix: [1, s, d] → [1, s, d]"""

    def __init__(self, config: DecoderConfig):
        self.size = config.intermediate_size
        self.gate_up_proj = Linear(config.hidden_size, 2 * config.intermediate_size)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = op.split(self.gate_up_proj(x), 2, axis=-1)
        return self.down_proj(op.silu(gate) * up)


class Layer(nn.Module):
    """One block: attention and feed-forward, each after a norm and added to the stream."""

    def __init__(self, config: DecoderConfig):
        self.input_layernorm = nn.RMSNorm(config.hidden_size, -1, config.norm_eps, bias=False)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, -1, config.norm_eps, bias=False)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, cache: PagedKVCache, layer: int) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cache, layer)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """The whole model. With tied embeddings, the head reads the embedding's own matrix, which is then stored once."""

    def __init__(self, config: DecoderConfig):
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.layers)])
        self.norm = nn.RMSNorm(config.hidden_size, -1, config.norm_eps, bias=False)
        if not config.tied_embeddings:
            self.lm_head = Linear(config.hidden_size, config.vocab_size)

    def embed(self, input_ids: Tensor) -> Tensor:
        """[s] → [s, d]"""
        return self.embed_tokens(input_ids)

    def prefill(self, input_embed: Tensor, paged_kv_cache: PagedKVCache):
        """Takes up to a chunk of tokens into the cache and tells the logits after the last: [1, s, d] → [1, 1, v]"""
        return self._logits(_last(self._hidden(input_embed, paged_kv_cache))), paged_kv_cache

    def decode(self, input_embed: Tensor, paged_kv_cache: PagedKVCache):
        """The same for one token: [1, 1, d] → [1, 1, v]"""
        return self._logits(self._hidden(input_embed, paged_kv_cache)), paged_kv_cache

    def softmax_with_temperature(self, logits: Tensor, temperature: Tensor) -> Tensor:
        """[1, 1, v], [1] → [1, 1, v]"""

        def divide(x: te.Tensor, t: te.Tensor) -> te.Tensor:
            return te.compute(x.shape, lambda b, s, w: x[b, s, w] / t[b], name="divided")

        return op.softmax(op.tensor_expr_op(divide, "divide", [logits, temperature]), axis=-1)

    def _hidden(self, x: Tensor, cache: PagedKVCache) -> Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x, cache, i)
        return self.norm(x)

    def _logits(self, hidden: Tensor) -> Tensor:
        weight = self.lm_head.weight if hasattr(self, "lm_head") else self.embed_tokens.weight
        return op.astype(times_transposed(hidden, weight), "float32")


def _last(hidden: Tensor) -> Tensor:
    """[1, s, d] → [1, 1, d]"""

    def take(x: te.Tensor) -> te.Tensor:
        return te.compute((x.shape[0], 1, x.shape[2]), lambda b, _, k: x[b, x.shape[1] - 1, k], name="last")

    return op.tensor_expr_op(take, "last", [hidden])


def export(config: DecoderConfig, dtype: str):
    """The decoder as a module of TVM, and the names and shapes of its weights."""
    decoder = Decoder(config)
    decoder.to(dtype)
    packed = {"param_mode": "packed", "effect_mode": "none"}
    plain = {"param_mode": "none", "effect_mode": "none"}
    cache = nn.spec.Object(object_type=PagedKVCache)
    width = config.hidden_size
    spec = {
        "embed": {"input_ids": nn.spec.Tensor(["seq_len"], "int32"), "$": packed},
        "prefill": {"input_embed": nn.spec.Tensor([1, "seq_len", width], dtype), "paged_kv_cache": cache, "$": packed},
        "decode": {"input_embed": nn.spec.Tensor([1, 1, width], dtype), "paged_kv_cache": cache, "$": packed},
        "softmax_with_temperature": {
            "logits": nn.spec.Tensor([1, 1, config.vocab_size], "float32"),
            "temperature": nn.spec.Tensor([1], "float32"),
            "$": plain,
        },
    }
    return decoder.export_tvm(spec=nn.spec.ModuleSpec.from_raw(spec, decoder))
