"""What transformers and PEFT compute with the heads, the RoPE and the norms of real models, for families.test.ts.

    python tests/golden/families.py      (versions: tests/requirements.txt)

Head counts, head size, RoPE's base and scaling, eps, biases and tied embeddings are those that the models' own config.json
files say; width, vocabulary and depth are narrowed. The weights are random and made on both sides (see decoder.py). Of each
tensor's gradient its norm is kept, and its product with a random vector, which one wrong number would change.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from decoder import fill, numbers
from peft import LoraConfig, get_peft_model

NARROWED = dict(vocab_size=48, intermediate_size=40, num_hidden_layers=2, max_position_embeddings=256)
COMMON = dict(**NARROWED, hidden_act='silu', tie_word_embeddings=True, eos_token_id=None, bos_token_id=None, pad_token_id=None)
# transformers wants a width that the heads divide, although their size is given
rope = lambda theta: dict(rope_type='default', rope_theta=theta)
MODELS = {
    'SmolLM2-135M': transformers.LlamaConfig(**COMMON, hidden_size=36, num_attention_heads=9, num_key_value_heads=3, head_dim=64, rms_norm_eps=1e-5, rope_parameters=rope(1e5)),
    'SmolLM2-360M': transformers.LlamaConfig(**COMMON, hidden_size=30, num_attention_heads=15, num_key_value_heads=5, head_dim=64, rms_norm_eps=1e-5, rope_parameters=rope(1e5)),
    'Qwen2.5-0.5B': transformers.Qwen2Config(**COMMON, hidden_size=28, num_attention_heads=14, num_key_value_heads=2, head_dim=64, rms_norm_eps=1e-6, rope_parameters=rope(1e6)),
    'Qwen3-0.6B': transformers.Qwen3Config(**COMMON, hidden_size=32, num_attention_heads=16, num_key_value_heads=8, head_dim=128, rms_norm_eps=1e-6, rope_parameters=rope(1e6)),
    'Llama-3.2-1B': transformers.LlamaConfig(
        **COMMON, hidden_size=32, num_attention_heads=32, num_key_value_heads=8, head_dim=64, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type='llama3', rope_theta=5e5, factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192),
    ),
}  # fmt: skip
LORA = dict(r=2, lora_alpha=4, target_modules=['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'])
PROMPTS = [[(7 * i * i + 3 * i + 5) % 48 for i in range(length)] for length in (3, 20, 70)]
NEW_TOKENS = 8
PROBE = 77


def rounded(values):
    return json.loads(json.dumps(values), parse_float=lambda text: float(f'{float(text):.8g}'))


@torch.no_grad()
def last_logits(model) -> list:
    return [model(torch.tensor([prompt])).logits[0, -1].tolist() for prompt in PROMPTS]


@torch.no_grad()
def greedy(model) -> list[list[int]] | None:
    """The likeliest token again and again; None where two are so nearly alike that rounding would decide."""
    answers = []
    for prompt in PROMPTS:
        ids = list(prompt)
        for _ in range(NEW_TOKENS):
            best = model(torch.tensor([ids])).logits[0, -1].topk(2)
            if best.values[0] - best.values[1] < 2e-3:
                return None
            ids.append(best.indices[0].item())
        answers.append(ids[len(prompt) :])
    return answers


def nll(model) -> torch.Tensor:
    """Sum of −log p over all tokens but each prompt's first."""
    logps = [F.log_softmax(model(torch.tensor([p])).logits[0, :-1], -1).gather(1, torch.tensor(p[1:])[:, None]).sum() for p in PROMPTS]
    return -torch.stack(logps).sum()


def measured(config, seed: int) -> dict | None:
    config._attn_implementation = 'eager'
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fill(dict(model.named_parameters()), seed)
    model = model.double().eval()
    base, answers = last_logits(model), greedy(model)
    if answers is None:
        return None
    adapted = get_peft_model(model, LoraConfig(task_type='CAUSAL_LM', lora_dropout=0.0, **LORA))
    lora = {n.removeprefix('base_model.model.').replace('.default.weight', ''): p for n, p in adapted.named_parameters() if 'lora_' in n}
    fill(lora, seed + 1000)
    loss = nll(adapted)
    loss.backward()
    gradients = {
        name: [p.grad.norm().item(), (p.grad.flatten() @ torch.from_numpy(numbers(PROBE, p.numel())).double()).item()]
        for name, p in sorted(lora.items())
    }
    return rounded(dict(seed=seed, config=json.loads(config.to_json_string(use_diff=False)), logits=base, greedy=answers,
                        adapted=last_logits(adapted), loss=loss.item(), gradients=gradients))  # fmt: skip


def main() -> None:
    models = {name: next(filter(None, (measured(config, seed) for seed in range(100, 3000, 100)))) for name, config in MODELS.items()}
    lora = dict(rank=LORA['r'], alpha=LORA['lora_alpha'], rslora=False, targetModules=LORA['target_modules'])
    fixture = dict(prompts=PROMPTS, newTokens=NEW_TOKENS, probe=PROBE, lora=lora, models=models)
    text = json.dumps(fixture, separators=(',', ':'))
    Path(__file__).with_suffix('.json').write_text(text + '\n')
    print(f'families.json: {len(text):,} characters')


main()
