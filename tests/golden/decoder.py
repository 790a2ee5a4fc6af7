"""What transformers and PEFT compute with three small random decoders, for decoder.test.ts.

    python tests/golden/decoder.py      (versions: tests/requirements.txt)

The weights are not in the fixture: both sides make them with the same integer generator (`numbers` here, in
randomCheckpoint.ts there), tensor by tensor in the order of their sorted names.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, get_peft_model

HERE = Path(__file__).parent
PROMPTS = [[5, 17, 42, 3, 60], [9, 1], [33, 21, 8, 54, 2, 47, 13, 13, 30], [61]]  # of different lengths
NEW_TOKENS = 10
V = 64

COMMON = dict(vocab_size=V, max_position_embeddings=128, hidden_act='silu', eos_token_id=None, bos_token_id=None, pad_token_id=0)
# Seeds for which no two tokens are nearly as likely in `greedy`, and every answer has several different tokens.
MODELS = {
    'llama': dict(
        seed=301,
        config=transformers.LlamaConfig(
            **COMMON, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            rms_norm_eps=1e-5, tie_word_embeddings=False,
            # of the four wavelengths one is kept, one partly slowed and two are slowed
            rope_parameters=dict(rope_type='llama3', rope_theta=5000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
        ),
        lora=dict(r=4, lora_alpha=8, use_rslora=False, target_modules=['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']),
    ),
    'qwen2': dict(
        seed=401,
        config=transformers.Qwen2Config(
            **COMMON, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=3,
            rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=dict(rope_type='default', rope_theta=1e6),
        ),
        lora=dict(r=2, lora_alpha=4, use_rslora=True, target_modules=['q_proj', 'v_proj', 'gate_proj']),
    ),
    'qwen3': dict(
        seed=2501,
        config=transformers.Qwen3Config(
            **COMMON, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, head_dim=12,
            rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=dict(rope_type='default', rope_theta=1e6),
        ),
        # ranks and scales that differ within a group of layers, and from layer to layer
        lora=dict(
            r=3, lora_alpha=3, use_rslora=False, target_modules=['k_proj', 'v_proj', 'o_proj', 'down_proj'],
            rank_pattern={'k_proj': 5, r'layers\.1\.mlp\.down_proj': 1}, alpha_pattern={'(v|o)_proj': 6, 'layers.0.self_attn.k_proj': 4},
        ),
    ),
}  # fmt: skip


def numbers(seed: int, count: int) -> np.ndarray:
    """`count` numbers in [-1, 1) from a linear congruential generator (Numerical Recipes' constants), as float32."""
    state, out = seed * 2654435761 % 2**32, np.empty(count, np.float32)
    for i in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out[i] = state / 2**31 - 1
    return out


def fill(tensors: dict[str, torch.Tensor], first_seed: int) -> None:
    """Norms near 1, biases small, matrices so that activations keep their size. The same rule is in randomCheckpoint.ts."""
    with torch.no_grad():
        for seed, name in enumerate(sorted(tensors), start=first_seed):
            tensor = tensors[name]
            values = torch.from_numpy(numbers(seed, tensor.numel())).reshape(tensor.shape)
            if tensor.ndim == 1:
                tensor.copy_(0.2 * values if name.endswith('.bias') else 1 + 0.2 * values)
            else:
                tensor.copy_(values * (0.1 if 'embed' in name else (3 / tensor.shape[1]) ** 0.5))


def padded(prompts: list[list[int]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, prompts))
    pad = lambda ids, fill: fill * (width - len(ids)) + ids if side == 'left' else ids + fill * (width - len(ids))
    return torch.tensor([pad(p, [0]) for p in prompts]), torch.tensor([pad([1] * len(p), [0]) for p in prompts])


def logits_after_each_token(model, prompts) -> list[list[list[float]]]:
    ids, mask = padded(prompts, 'right')
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits
    return [rounded(logits[row, : len(prompt)]) for row, prompt in enumerate(prompts)]


def greedy(model, prompts) -> list[list[int]]:
    """transformers' own generation, checked to be nowhere near a tie, where rounding would decide."""
    ids, mask = padded(prompts, 'left')
    out = model.generate(
        input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=None, output_scores=True, return_dict_in_generate=True
    )
    for scores in out.scores:
        best = scores.topk(2).values
        assert (best[:, 0] - best[:, 1]).min() > 1e-3, 'two tokens are almost equally likely; change the seed'
    return out.sequences[:, ids.shape[1] :].tolist()


def nll(model, prompts) -> torch.Tensor:
    """Sum of −log p over all tokens but each prompt's first."""
    ids, mask = padded(prompts, 'right')
    logps = F.log_softmax(model(input_ids=ids, attention_mask=mask).logits[:, :-1], -1)
    return -(logps.gather(-1, ids[:, 1:, None])[..., 0] * mask[:, 1:]).sum()


def rounded(tensor: torch.Tensor):
    return json.loads(json.dumps(tensor.tolist()), parse_float=lambda text: float(f'{float(text):.7g}'))


def main() -> None:
    torch.set_num_threads(1)
    fixture = dict(prompts=PROMPTS, newTokens=NEW_TOKENS, models={})
    for name, spec in MODELS.items():
        config = spec['config']
        config._attn_implementation = 'eager'
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        fill(dict(model.named_parameters()), first_seed=spec['seed'])
        base = dict(logits=logits_after_each_token(model, PROMPTS), greedy=greedy(model, PROMPTS))

        adapted = get_peft_model(model, LoraConfig(task_type='CAUSAL_LM', lora_dropout=0.0, **spec['lora']))
        lora = {n.removeprefix('base_model.model.').replace('.default.weight', ''): p for n, p in adapted.named_parameters() if 'lora_' in n}
        fill(lora, first_seed=spec['seed'] + 1000)
        loss = nll(adapted, PROMPTS)
        loss.backward()
        fixture['models'][name] = dict(
            seed=spec['seed'],
            config=json.loads(config.to_json_string(use_diff=False)),
            base=base,
            lora=dict(
                rank=spec['lora']['r'],
                alpha=spec['lora']['lora_alpha'],
                rslora=spec['lora']['use_rslora'],
                targetModules=spec['lora']['target_modules'],
                **({'rankPattern': spec['lora']['rank_pattern'], 'alphaPattern': spec['lora']['alpha_pattern']} if 'rank_pattern' in spec['lora'] else {}),
                logits=logits_after_each_token(adapted, PROMPTS),
                greedy=greedy(adapted, PROMPTS),
                loss=rounded(loss),
                gradients={n: rounded(p.grad.flatten()) for n, p in sorted(lora.items())},
            ),
        )
    text = json.dumps(fixture, separators=(',', ':'), ensure_ascii=False)
    (HERE / 'decoder.json').write_text(text + '\n', encoding='utf-8')
    print(f'decoder.json: {len(text):,} characters')


if __name__ == '__main__':
    main()
