"""Ten training steps in PyTorch with PEFT, for training.test.ts: L = L_SFT + λ·L_DPO, AdamW, warm-up, clipping.

    python tests/golden/training.py      (versions: tests/requirements.txt)

A tiny random Llama with LoRA on all projections. Some steps have both terms, some one; where there are both, the angle between their
gradients is told, and after each step the size of the change that every projection got. All is computed in float64, so
that the numbers are the true ones; model and adapter begin from values that fit in bfloat16, exact on both sides. They
are in the fixture as safetensors files in base64, the adapter under PEFT's names.
"""

import json
from base64 import b64encode
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save
from transformers import LlamaConfig, LlamaForCausalLM

CONFIG = {
    'vocab_size': 32,
    'hidden_size': 16,
    'intermediate_size': 24,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'num_key_value_heads': 2,
    'max_position_embeddings': 32,
    'tie_word_embeddings': True,
}
LORA = {
    'r': 4,
    'lora_alpha': 8,
    'target_modules': ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
}
TRAINER = {'learningRate': 5e-3, 'warmupSteps': 4, 'weightDecay': 0.05, 'clipNorm': 1.0, 'lambda': 0.5, 'beta': 0.5}
STEPS = 10


def sequence(prompt_length: int, completion_length: int) -> dict:
    ids = torch.randint(1, CONFIG['vocab_size'], (prompt_length + completion_length,)).tolist()
    return {'prompt': ids[:prompt_length], 'completion': ids[prompt_length:]}


def random_pair(number: int) -> dict:
    chosen, rejected = sequence(4, 5), sequence(4, 3)
    return {'id': f'pair {number}', 'prompt': chosen['prompt'], 'chosen': chosen['completion'], 'rejected': rejected['completion']}


def completion_logps(model, prompt: list[int], completion: list[int]) -> torch.Tensor:
    """log π of each completion token."""
    logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
    return F.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None])[:, 0]


def sft_loss(model, rows: list[dict]) -> torch.Tensor:
    """Mean negative log-likelihood over all completion tokens of the batch."""
    return -torch.cat([completion_logps(model, row['prompt'], row['completion']) for row in rows]).mean()


def pair_logps(model, pairs: list[dict]) -> torch.Tensor:
    """log π of both completions of each pair, summed over their tokens: [pairs, (chosen, rejected)]."""
    sums = [completion_logps(model, pair['prompt'], pair[side]).sum() for pair in pairs for side in ('chosen', 'rejected')]
    return torch.stack(sums).reshape(len(pairs), 2)


def reference_logps(model, pairs: list[dict]) -> torch.Tensor:
    """The same by the reference: the base, with the adapter off."""
    with torch.no_grad(), model.disable_adapter():
        return pair_logps(model, pairs)


def log_ratios(model, pairs: list[dict]) -> torch.Tensor:
    """log π − log π_ref of both completions of each pair."""
    return pair_logps(model, pairs) - reference_logps(model, pairs)


def margins(model, pairs: list[dict]) -> torch.Tensor:
    """β·Δ of each pair, Δ = log-ratio of chosen − log-ratio of rejected."""
    ratios = log_ratios(model, pairs)
    return TRAINER['beta'] * (ratios[:, 0] - ratios[:, 1])


def gradient(loss: torch.Tensor, parameters: list) -> torch.Tensor:
    """All numbers of the gradient in a row."""
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters, retain_graph=True)])


def angles(sft: torch.Tensor, lesson: torch.Tensor, parameters: list) -> dict:
    """The cosine between the gradients of L_SFT and of λ·L_DPO, and the share of the latter in the sum of their norms."""
    task, added = gradient(sft, parameters), gradient(lesson, parameters)
    share = added.norm() / (task.norm() + added.norm())
    return {'cosine': F.cosine_similarity(task, added, dim=0).item(), 'share': share.item()}


def change_norms(model) -> list[dict]:
    """‖s·B·A‖_F of each adapted projection."""
    modules = [(name, module) for name, module in model.named_modules() if hasattr(module, 'get_delta_weight')]
    layers = [(int(name.split('.layers.')[1].split('.')[0]), name.split('.')[-1], module) for name, module in modules]
    return [{'layer': layer, 'projection': projection, 'norm': module.get_delta_weight('default').norm().item()} for layer, projection, module in layers]


def build_model():
    model = LlamaForCausalLM(LlamaConfig(**CONFIG, attn_implementation='eager'))
    policy = get_peft_model(model, LoraConfig(**LORA, task_type='CAUSAL_LM'))
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if 'norm' in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif 'lora' not in name:
                parameter.mul_(5)  # transformers' 0.02 leaves so small a model near uniform
            parameter.copy_(parameter.bfloat16())
    return policy.double()


def stored(tensors: dict[str, torch.Tensor], dtype: torch.dtype) -> str:
    return b64encode(save({name: tensor.detach().to(dtype).contiguous() for name, tensor in tensors.items()})).decode()


def main() -> None:
    torch.manual_seed(4)
    torch.set_num_threads(1)
    policy = build_model()
    base = {
        name.removeprefix('base_model.model.').replace('.base_layer', ''): tensor
        for name, tensor in policy.state_dict().items()
        if 'lora' not in name and 'lm_head' not in name
    }
    fixture = {
        'madeWith': f'torch {torch.__version__}, transformers {transformers.__version__}',
        'config': {'model_type': 'llama', 'rms_norm_eps': 1e-6, **CONFIG},
        'adapterConfig': {'peft_type': 'LORA', **LORA},
        'trainer': TRAINER,
        'model': stored(base, torch.bfloat16),
        'adapterBefore': stored(get_peft_model_state_dict(policy), torch.bfloat16),
        'steps': [],
    }

    parameters = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=TRAINER['learningRate'], weight_decay=TRAINER['weightDecay'])
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / TRAINER['warmupSteps']))
    for step in range(STEPS):
        rows = [sequence(3 + i, 6 - 2 * i) for i in range(3)] if step % 5 != 3 else []
        pairs = [random_pair(number) for number in range(2)] if step % 3 != 1 else []
        sft = sft_loss(policy, rows) if rows else None
        margin = margins(policy, pairs) if pairs else None
        dpo = -F.logsigmoid(margin).mean() if pairs else None
        loss = (sft if rows else 0) + (TRAINER['lambda'] * dpo if pairs else 0)
        lesson = angles(sft, TRAINER['lambda'] * dpo, parameters) if rows and pairs else None
        ratios = log_ratios(policy, pairs).mean(0).tolist() if pairs else None
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, TRAINER['clipNorm'])
        fixture['steps'].append(
            {
                'sft': rows,
                'pairs': pairs,
                'referenceLogps': reference_logps(policy, pairs).tolist() if pairs else [],
                'loss': loss.item(),
                'sftLoss': sft.item() if rows else None,
                'dpoLoss': dpo.item() if pairs else None,
                'margins': margin.tolist() if pairs else [],
                'logRatios': ratios,
                'angles': lesson,
                'gradNorm': norm.item(),
                'learningRate': optimizer.param_groups[0]['lr'],
            }
        )
        optimizer.step()
        warmup.step()
        fixture['steps'][-1]['changeNorms'] = change_norms(policy)
    fixture['adapterAfter'] = stored(get_peft_model_state_dict(policy), torch.float32)
    norms = [step['gradNorm'] for step in fixture['steps']]
    assert min(norms) < TRAINER['clipNorm'] < max(norms), f'clipping has to act in some steps and not in others: {norms}'
    Path(__file__).with_suffix('.json').write_text(json.dumps(fixture) + '\n')


if __name__ == '__main__':
    main()
