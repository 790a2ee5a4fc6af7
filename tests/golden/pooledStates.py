"""What PyTorch gives for the mean of a text's last hidden states, for pooledStates.test.ts.

    python tests/golden/pooledStates.py      (versions: tests/requirements.txt)

A tiny random Llama, its adapter off, reads texts of several lengths; computed in float64 from values that fit in
bfloat16, exact on both sides, which are in the fixture as a safetensors file in base64.
"""

import json
from pathlib import Path

import torch
import transformers
from training import CONFIG, build_model, sequence, stored

LENGTHS = [1, 5, 17, 30]


def main() -> None:
    torch.manual_seed(21)
    torch.set_num_threads(1)
    policy = build_model()
    base = {
        name.removeprefix('base_model.model.').replace('.base_layer', ''): tensor
        for name, tensor in policy.state_dict().items()
        if 'lora' not in name and 'lm_head' not in name
    }
    texts = [sequence(length, 0)['prompt'] for length in LENGTHS]
    with torch.no_grad(), policy.disable_adapter():
        decoder = policy.base_model.model.model
        means = [decoder(torch.tensor([ids])).last_hidden_state[0].mean(0).tolist() for ids in texts]
    fixture = {
        'madeWith': f'torch {torch.__version__}, transformers {transformers.__version__}',
        'config': {'model_type': 'llama', 'rms_norm_eps': 1e-6, **CONFIG},
        'model': stored(base, torch.bfloat16),
        'texts': texts,
        'means': means,
    }
    Path(__file__).with_suffix('.json').write_text(json.dumps(fixture) + '\n')


if __name__ == '__main__':
    main()
