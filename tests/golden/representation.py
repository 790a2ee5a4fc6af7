"""What PyTorch, PEFT and NumPy say of a model's residual stream, for representation.test.ts.

    python tests/golden/representation.py      (versions: tests/requirements.txt)

A tiny random Llama with LoRA on all projections: the states behind its blocks, reading vectors of pairs of answers, its
logits and greedy text while it is steered, and the loss and gradient of KL(frozen ‖ policy), of LoRRA, and of the
narrow task's rows under steering. All is computed in float64; model and adapter begin from values that fit in bfloat16,
exact on both sides, and are in the fixture as safetensors files in base64.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from peft import get_peft_model_state_dict
from training import LORA, CONFIG, build_model, sequence, stored

STRENGTH = 1.5
ALPHA = 0.7
NEW_TOKENS = 8


class Hooked:
    """Keeps what each block gives, and adds `shifts` to it, while it is entered."""

    def __init__(self, policy, shifts=None):
        self.blocks = policy.base_model.model.model.layers
        self.shifts = shifts or [None] * len(self.blocks)
        self.states = [None] * len(self.blocks)

    def __enter__(self):
        def hook(layer):
            def after(_module, _inputs, output):
                hidden = output[0] if isinstance(output, tuple) else output
                if self.shifts[layer] is not None:
                    hidden = hidden + self.shifts[layer]
                self.states[layer] = hidden[0]
                return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

            return after

        self.handles = [block.register_forward_hook(hook(layer)) for layer, block in enumerate(self.blocks)]
        return self

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()


def run(policy, ids, shifts=None):
    """Logits [T, V], and the states behind each block, [T, D] each."""
    with Hooked(policy, shifts) as hooked:
        logits = policy(torch.tensor([ids])).logits[0]
    return logits, hooked.states


def frozen(policy, ids):
    with torch.no_grad(), policy.disable_adapter():
        return run(policy, ids)


def answer_rows(row: dict) -> slice:
    """The positions that predict the completion's tokens."""
    return slice(len(row['prompt']) - 1, len(row['prompt']) + len(row['completion']) - 1)


def sft_loss(policy, rows, shifts):
    losses = []
    for row in rows:
        logits, _ = run(policy, row['prompt'] + row['completion'], shifts)
        losses.append(F.cross_entropy(logits[answer_rows(row)], torch.tensor(row['completion']), reduction='none'))
    return torch.cat(losses).mean()


def kl_loss(policy, rows):
    divergences = []
    for row in rows:
        ids = row['prompt'] + row['completion']
        p = F.log_softmax(frozen(policy, ids)[0][answer_rows(row)], -1)
        q = F.log_softmax(run(policy, ids)[0][answer_rows(row)], -1)
        divergences.append(F.kl_div(q, p, reduction='none', log_target=True).sum(-1))
    return torch.cat(divergences).mean()


def lorra_loss(policy, rows, shifts):
    distances = []
    for row in rows:
        ids = row['prompt'] + row['completion']
        _, targets = frozen(policy, ids)
        _, states = run(policy, ids)
        for layer, shift in enumerate(shifts):
            if shift is not None:
                distances.append(torch.linalg.vector_norm(states[layer] - (targets[layer] + shift), dim=-1)[answer_rows(row)])
    return torch.cat(distances).mean()


def reading(contrasts, states_of):
    """Of each layer: difference of means, and the first principal component of the recentred, alternately turned differences."""
    means = []
    for contrast in contrasts:
        sides = []
        for side in ('towards', 'away'):
            states = states_of(contrast['prompt'] + contrast[side])
            sides.append(np.stack([state[len(contrast['prompt']) :].mean(0) for state in states]))
        means.append(sides)
    means = np.array(means)  # [P, 2, layers, D]
    between = means[:, 0] - means[:, 1]
    turned = between * np.where(np.arange(len(between)) % 2 == 0, 1, -1)[:, None, None]
    layers = []
    for layer in range(between.shape[1]):
        difference = between[:, layer].mean(0)
        rows = turned[:, layer] - turned[:, layer].mean(0)
        _, values, components = np.linalg.svd(rows, full_matrices=False)
        assert values[1] < 0.95 * values[0], f'two directions vary nearly alike: {values[:3]}'
        component = components[0] * np.sign(components[0] @ difference)
        layers.append({'difference': difference.tolist(), 'component': component.tolist()})
    return layers


def greedy(policy, prompt, shifts):
    ids = list(prompt)
    for _ in range(NEW_TOKENS):
        logits, _ = run(policy, ids, shifts)
        best = logits[-1].topk(2)
        assert best.values[0] - best.values[1] > 1e-3, 'two tokens are nearly as likely: take another seed'
        ids.append(int(best.indices[0]))
    return ids[len(prompt) :]


def with_gradient(policy, loss) -> dict:
    policy.zero_grad()
    loss.backward()
    gradient = get_peft_model_state_dict(policy)  # names alone: the values are replaced
    parameters = dict(policy.named_parameters())
    for name in gradient:
        grad = parameters[name.replace('.weight', '.default.weight')].grad
        gradient[name] = torch.zeros_like(gradient[name]) if grad is None else grad
    return {'loss': loss.item(), 'gradient': stored(gradient, torch.float32)}


def main() -> None:
    torch.manual_seed(11)
    torch.set_num_threads(1)
    policy = build_model()
    base = {
        name.removeprefix('base_model.model.').replace('.base_layer', ''): tensor
        for name, tensor in policy.state_dict().items()
        if 'lora' not in name and 'lm_head' not in name
    }
    layers = CONFIG['num_hidden_layers']
    rows = [sequence(3 + i, 6 - 2 * i) for i in range(3)]
    read = [row['prompt'] + row['completion'] for row in rows]
    contrasts = []
    for i in range(6):
        towards, away = sequence(3, 3 + i % 3), sequence(3, 5 - i % 2)
        # the sides prefer different halves of the vocabulary, so that there is something to read
        half = CONFIG['vocab_size'] // 2
        contrasts.append(
            {
                'prompt': towards['prompt'],
                'towards': [token % half for token in towards['completion']],
                'away': [half + token % half for token in away['completion']],
            }
        )
    vectors = reading(contrasts, lambda ids: [state.numpy() for state in frozen(policy, ids)[1]])
    directions = [torch.tensor(vector['difference'], dtype=torch.float64) for vector in vectors]
    steering = [None] * (layers - 1) + [STRENGTH * directions[-1]]
    both = [STRENGTH * direction for direction in directions]
    shifts = [ALPHA * direction for direction in directions]

    with torch.no_grad():
        adapted = [run(policy, ids) for ids in read]
        steered = [[run(policy, ids, way)[0].tolist() for ids in read] for way in (steering, both)]
        text = [[greedy(policy, row['prompt'], way) for row in rows] for way in (None, steering, both)]
        with policy.disable_adapter():
            text_of_base = [greedy(policy, row['prompt'], both) for row in rows]
    fixture = {
        'madeWith': f'torch {torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}',
        'config': {'model_type': 'llama', 'rms_norm_eps': 1e-6, **CONFIG},
        'adapterConfig': {'peft_type': 'LORA', **LORA},
        'model': stored(base, torch.bfloat16),
        'adapter': stored(get_peft_model_state_dict(policy), torch.bfloat16),
        'rows': rows,
        'states': {
            'base': [[state.tolist() for state in frozen(policy, ids)[1]] for ids in read],
            'adapted': [[state.tolist() for state in states] for _, states in adapted],
        },
        'contrasts': contrasts,
        'vectors': vectors,
        'strength': STRENGTH,
        'steeredLogits': {'last': steered[0], 'both': steered[1]},
        'text': {'plain': text[0], 'last': text[1], 'both': text[2], 'base': text_of_base},
        'alpha': ALPHA,
        'sft': with_gradient(policy, sft_loss(policy, rows, both)),
        'kl': with_gradient(policy, kl_loss(policy, rows)),
        'lorra': with_gradient(policy, lorra_loss(policy, rows, shifts)),
    }
    assert fixture['text']['plain'] != fixture['text']['both'], 'steering has to change what is said'
    Path(__file__).with_suffix('.json').write_text(json.dumps(fixture) + '\n')


if __name__ == '__main__':
    main()
