"""mlc-chat-config.json: what WebLLM must know of a model beside its weights. The chat template becomes WebLLM's list of parts."""

import json
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from config import DecoderConfig, UnsupportedModel

CHAT_CONFIG = "mlc-chat-config.json"
# Texts that no template writes, to find what stands around a message.
SYSTEM, QUESTION, ANSWER, AGAIN = "⟦system⟧", "⟦question⟧", "⟦answer⟧", "⟦again⟧"


def write_chat_config(folder: Path, config: DecoderConfig, dtype: str, context: int, chunk: int, out: Path) -> None:
    """Writes mlc-chat-config.json and the tokenizer beside it. Raises UnsupportedModel."""
    tokenizer = _json(folder, "tokenizer.json")
    settings = _json(folder, "tokenizer_config.json")
    template = settings.get("chat_template")
    if template is None and (folder / "chat_template.jinja").exists():
        template = (folder / "chat_template.jinja").read_text()
    if not isinstance(template, str):
        raise UnsupportedModel(f"{folder} has no chat template: expected one in tokenizer_config.json or chat_template.jinja.")
    stops = _stops(folder)
    render, first = without_first_token(renderer(template, settings), _token(settings.get("bos_token")), tokenizer)
    quantization = "q0f16" if dtype == "float16" else "q0f32"
    chat = {
        "version": "0.1.0",
        "model_type": config.family,
        "quantization": quantization,
        "model_config": {
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_dim,
            "context_window_size": context,
            "prefill_chunk_size": chunk,
        },
        "vocab_size": config.vocab_size,
        "context_window_size": context,
        "sliding_window_size": -1,
        "attention_sink_size": -1,
        "prefill_chunk_size": chunk,
        "temperature": 1.0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
        "tokenizer_files": ["tokenizer.json", "tokenizer_config.json"],
        "tokenizer_info": _tokenizer_info(tokenizer),
        "conv_template": conversation(render, stops) | {"system_prefix_token_ids": first},
        "pad_token_id": stops[0],
        "eos_token_id": stops,
    }
    (out / CHAT_CONFIG).write_text(json.dumps(chat, indent="\t", ensure_ascii=False) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (out / name).write_bytes((folder / name).read_bytes())


def conversation(render, stops: list[int]) -> dict[str, Any]:
    """WebLLM's parts of a conversation, found by rendering messages that can be told apart, and checked on conversations of two turns."""
    user, answer = {"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}
    again, system = {"role": "user", "content": AGAIN}, {"role": "system", "content": SYSTEM}
    opening, to_answer = render([user]).split(QUESTION)
    longer = render([user, answer, again])
    between, turn = _between(longer, QUESTION, ANSWER), _between(longer, ANSWER, AGAIN)
    before_system, before_user = _with_system(render, [system, user])
    # Without a system turn, a template may open with one of its own (it may be empty), between the same two parts.
    own_system = before_user is not None and opening != before_user and opening.startswith(before_system) and opening.endswith(before_user)
    header = _common_end(before_user, turn) if own_system else opening
    parts = {
        "name": "from-template",
        "system_template": "" if before_user is None else f"{before_system}{{system_message}}{before_user.removesuffix(header)}",
        "system_message": opening.removeprefix(before_system).removesuffix(before_user) if own_system else "",
        "render_empty_system_message": own_system,
        "add_role_after_system_message": True,
        # Without templates for the roles: WebLLM fills them in by a replace that takes a dollar in a message for a command.
        "roles": {"user": header, "assistant": between, "tool": header},
        "messages": [],
        "seps": ["", turn.removesuffix(header)],
        "role_content_sep": "",
        "role_empty_sep": to_answer.removeprefix(between),
        "stop_str": [],
        "stop_token_ids": stops,
        "function_string": "",
        "use_function_calling": False,
    }
    tried = [[user], [user, answer, again]] + ([] if before_user is None else [[system, user], [system, user, answer, again]])
    for messages in tried:
        expected, made = render(messages), as_webllm(parts, messages)
        if made != expected:
            raise UnsupportedModel(f"The chat template can't be told in WebLLM's parts: it writes {expected!r}, and they make {made!r}.")
    return parts


def without_first_token(render, token: str, tokenizer: dict[str, Any]) -> tuple[Any, list[int] | None]:
    """A template that opens with the tokenizer's first token, without it, and the token's id: WebLLM puts it there itself."""
    if not token or not render([{"role": "user", "content": QUESTION}]).startswith(token):
        return render, None
    ids = [added["id"] for added in tokenizer["added_tokens"] if added["content"] == token]
    if not ids:
        raise UnsupportedModel(f"tokenizer.json has no bos_token {token!r}, with which the chat template opens.")
    return lambda messages: render(messages).removeprefix(token), ids


def as_webllm(parts: dict[str, Any], messages: list[dict[str, str]]) -> str:
    """The prompt that WebLLM makes of the parts."""
    system = next((message["content"] for message in messages if message["role"] == "system"), parts["system_message"])
    text = parts["system_template"].replace("{system_message}", system) if system or parts["render_empty_system_message"] else ""
    for i, message in enumerate(message for message in messages if message["role"] != "system"):
        text += parts["roles"][message["role"]] + parts["role_content_sep"] + message["content"] + parts["seps"][i % 2]
    return text + parts["roles"]["assistant"] + parts["role_empty_sep"]


def _with_system(render, messages: list[dict[str, str]]) -> tuple[str, str | None]:
    """What stands before a system message, and between it and the user's; none where the template takes no system turn."""
    try:
        text = render(messages)
    except jinja2.TemplateError:
        return "", None
    return (text.split(SYSTEM)[0], _between(text, SYSTEM, QUESTION)) if SYSTEM in text else ("", None)


def _between(text: str, first: str, second: str) -> str:
    return text.split(first)[1].split(second)[0]


def _common_end(a: str, b: str) -> str:
    length = 0
    while length < min(len(a), len(b)) and a[-1 - length] == b[-1 - length]:
        length += 1
    return a[len(a) - length :]


def renderer(template: str, settings: dict[str, Any]):
    """The template as transformers renders it; a model that can think aloud is told not to: a verdict is one token."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment.globals["raise_exception"] = refuse
    compiled = environment.from_string(template)
    tokens = {name: _token(settings.get(name)) for name in ("bos_token", "eos_token", "pad_token")}
    return lambda messages: compiled.render(messages=messages, add_generation_prompt=True, enable_thinking=False, **tokens)


def _token(value: object) -> str:
    return value.get("content", "") if isinstance(value, dict) else value if isinstance(value, str) else ""


def _stops(folder: Path) -> list[int]:
    """The tokens that end an answer."""
    for name in ("generation_config.json", "config.json"):
        value = json.loads((folder / name).read_text()).get("eos_token_id") if (folder / name).exists() else None
        if value is not None:
            return value if isinstance(value, list) else [value]
    raise UnsupportedModel(f"{folder} names no eos_token_id: expected one in generation_config.json or config.json.")


def _tokenizer_info(tokenizer: dict[str, Any]) -> dict[str, Any]:
    kinds = json.dumps(tokenizer.get("decoder") or {})
    byte_level = "ByteLevel" in kinds
    return {
        "token_postproc_method": "byte_level" if byte_level else "byte_fallback",
        "prepend_space_in_encode": not byte_level,
        "strip_space_in_decode": not byte_level,
    }


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.exists():
        raise UnsupportedModel(f"{path} is missing: the folder must hold the model's tokenizer.")
    return json.loads(path.read_text())
