"""What a decoder is made of, read from a Hugging Face `config.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAMILIES = ("llama", "qwen2", "qwen3")


class UnsupportedModel(Exception):
    """The folder holds a model that can't be compiled; the message names the field, what it holds and what it may hold."""


@dataclass(frozen=True)
class DecoderConfig:
    """A decoder of the Llama, Qwen2 or Qwen3 family. Sizes are numbers of features, heads, layers or tokens."""

    family: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_eps: float
    rope_theta: float
    rope_scaling: dict[str, Any]
    """Empty for plain RoPE."""
    tied_embeddings: bool
    qkv_bias: bool
    output_bias: bool
    """Of the attention's output projection."""
    qk_norm: bool
    """RMSNorm over each head of q and k (Qwen3)."""
    max_positions: int


def read_config(folder: Path) -> DecoderConfig:
    """The shape of the model in `folder`. Raises UnsupportedModel."""
    path = folder / "config.json"
    if not path.exists():
        raise UnsupportedModel(f"{path} is missing: expected a Hugging Face model folder.")
    raw = json.loads(path.read_text())
    family = raw.get("model_type")
    if family not in FAMILIES:
        raise UnsupportedModel(f"config.json: model_type is {family!r}; expected one of {', '.join(FAMILIES)}.")
    for field, only in (("hidden_act", "silu"), ("mlp_bias", False), ("use_sliding_window", False), ("quantization_config", None)):
        if raw.get(field, only) != only:
            raise UnsupportedModel(f"config.json: {field} is {raw[field]!r}; only {only!r} can be compiled.")
    heads, hidden_size = _whole(raw, "num_attention_heads"), _whole(raw, "hidden_size")
    kv_heads, head_dim = raw.get("num_key_value_heads") or heads, raw.get("head_dim") or hidden_size // heads
    if heads % kv_heads != 0:
        raise UnsupportedModel(f"config.json: num_key_value_heads is {kv_heads}; it must divide num_attention_heads, which is {heads}.")
    if head_dim % 16 != 0:
        raise UnsupportedModel(f"config.json: head_dim (or hidden_size / num_attention_heads) is {head_dim}; it must be a multiple of 16.")
    bias = bool(raw.get("attention_bias", False))
    return DecoderConfig(
        family=family,
        vocab_size=_whole(raw, "vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=_whole(raw, "intermediate_size"),
        layers=_whole(raw, "num_hidden_layers"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
        rope_theta=float(_rope(raw).get("rope_theta") or raw.get("rope_theta") or 10_000),
        rope_scaling=_rope_scaling(_rope(raw)),
        tied_embeddings=bool(raw.get("tie_word_embeddings", False)),
        qkv_bias=family == "qwen2" or bias,
        output_bias=family != "qwen2" and bias,
        qk_norm=family == "qwen3",
        max_positions=_whole(raw, "max_position_embeddings"),
    )


def _whole(raw: dict[str, Any], field: str) -> int:
    value = raw.get(field)
    if not isinstance(value, int) or value < 1:
        raise UnsupportedModel(f"config.json: {field} is {value!r}; expected a whole number from 1.")
    return value


def _rope(raw: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 calls them `rope_parameters`, earlier versions `rope_scaling`."""
    return raw.get("rope_parameters") or raw.get("rope_scaling") or {}


def _rope_scaling(rope: dict[str, Any]) -> dict[str, Any]:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return {}
    if kind != "llama3":
        raise UnsupportedModel(f"config.json: rope_type is {kind!r}; only 'default' and 'llama3' can be compiled.")
    fields = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    missing = [field for field in fields if field not in rope]
    if missing:
        raise UnsupportedModel(f"config.json: rope_type 'llama3' without {', '.join(missing)}.")
    return {"rope_type": kind, **{field: rope[field] for field in fields}}
