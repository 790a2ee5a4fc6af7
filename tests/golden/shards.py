"""What transformers makes of small random decoders that it saved in shards, for shards.test.ts.

    python tests/golden/shards.py      (versions: tests/requirements.txt)

Each model is saved twice by save_pretrained, in one file and in shards, in F32, BF16 and F16; the logits are those of
transformers that loaded the shards again, in F32 as the lab computes.
"""

import base64
import json
import tempfile
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent
PROMPTS = [[5, 17, 2, 3, 20], [9, 1]]
V = 24
COMMON = dict(
    vocab_size=V, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
    max_position_embeddings=32, hidden_act='silu', eos_token_id=None, bos_token_id=None, pad_token_id=0, initializer_range=0.3,
)  # fmt: skip
CONFIGS = {
    'llama': transformers.LlamaConfig(**COMMON, rms_norm_eps=1e-5, tie_word_embeddings=False),
    'qwen2': transformers.Qwen2Config(**COMMON, rms_norm_eps=1e-6, tie_word_embeddings=True),
}
DTYPES = {'F32': (torch.float32, 2000), 'BF16': (torch.bfloat16, 1000), 'F16': (torch.float16, 1000)}


def saved(model, folder: Path, **options) -> dict[str, str]:
    """The files of weights as base64, by name."""
    model.save_pretrained(folder, **options)
    return {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(folder.glob('model*'))}


def logits(folder: Path) -> list[list[list[float]]]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
    with torch.no_grad():
        found = [model(input_ids=torch.tensor([prompt])).logits[0].tolist() for prompt in PROMPTS]
    return json.loads(json.dumps(found), parse_float=lambda text: float(f'{float(text):.7g}'))


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(9)
    models = []
    for family, config in CONFIGS.items():
        weights = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for tensor in weights.parameters():
            if tensor.ndim == 1:  # so that norms and biases count
                torch.nn.init.normal_(tensor, 1, 0.2)
        for dtype, (kind, size) in DTYPES.items():
            with tempfile.TemporaryDirectory() as folder:
                whole, shards = Path(folder) / 'whole', Path(folder) / 'shards'
                model = weights.to(kind) if kind is torch.float32 else type(weights)(config).to(kind)
                model.load_state_dict(weights.state_dict())  # rounds
                files = dict(whole=saved(model, whole), shards=saved(model, shards, max_shard_size=size))
                assert len(files['whole']) == 1 and len(files['shards']) >= 3, files.keys()
                config_json = json.loads((shards / 'config.json').read_text())
                models.append(dict(family=family, dtype=dtype, config=config_json, **files, logits=logits(shards)))
    text = json.dumps(dict(prompts=PROMPTS, models=models), separators=(',', ':'))
    (HERE / 'shards.json').write_text(text + '\n', encoding='utf-8')
    print(f'shards.json: {len(text):,} characters, shards: {[len(model["shards"]) - 1 for model in models]}')


main()
