"""PEFT's side of peft.test.ts: what transformers and PEFT compute with the lab's adapters, and adapters that PEFT writes.

    python tests/peft/export_check.py MODEL WORK

MODEL is a Hugging Face folder. WORK holds `sequences.json` (lists of token ids) and `lab/<name>/`, one exported
adapter each, and `merged/<name>/`, whole models. Written: `logits.safetensors` beside each of them, and `peft/<name>/` with adapters of PEFT's own and
their logits. In these files tensor "i" is [T, V], of sequence i. The test compares them with the lab's.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
PEFT_ADAPTERS = {
    'plain': LoraConfig(r=4, lora_alpha=8, target_modules=PROJECTIONS, task_type='CAUSAL_LM'),
    'rslora': LoraConfig(r=9, lora_alpha=6, use_rslora=True, target_modules='all-linear', task_type='CAUSAL_LM'),
    'by-expression': LoraConfig(r=2, lora_alpha=3, target_modules=r'.*\.(q_proj|down_proj)', task_type='CAUSAL_LM'),
    'one-layer': LoraConfig(
        r=1, lora_alpha=4, target_modules=['down_proj'], layers_to_transform=[1], task_type='CAUSAL_LM'
    ),
    'by-module': LoraConfig(
        r=4,
        lora_alpha=8,
        use_rslora=True,
        target_modules=PROJECTIONS,
        task_type='CAUSAL_LM',
        # the first key that matches counts; a key stands for the end of a path behind a dot, or for all of it
        rank_pattern={'layers.1.self_attn.q_proj': 7, 'q_proj': 2, r'^model\.layers\.0\..*(up|down)_proj': 6, 'proj': 3},
        alpha_pattern={r'layers\.\d+\.mlp\.(gate|up)_proj': 3, 'self_attn.k_proj': 20, 'attn.v_proj': 100},
    ),
}


def base_model(folder: str):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def save_logits(model, sequences: list[list[int]], folder: Path) -> None:
    with torch.inference_mode():
        logits = {str(i): model(input_ids=torch.tensor([ids])).logits[0].contiguous() for i, ids in enumerate(sequences)}
    save_file(logits, folder / 'logits.safetensors')


def main() -> None:
    model_folder, work = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings('error', message='.*(missing|unexpected).*keys.*')  # else PEFT fills a gap with a new adapter
    sequences = json.loads((work / 'sequences.json').read_text())

    for folder in sorted((work / 'lab').iterdir()):
        save_logits(PeftModel.from_pretrained(base_model(model_folder), folder), sequences, folder)

    for folder in sorted((work / 'merged').iterdir()):
        save_logits(base_model(str(folder)), sequences, folder)

    for name, config in PEFT_ADAPTERS.items():
        model = get_peft_model(base_model(model_folder), config).eval()
        for parameter_name, parameter in model.named_parameters():
            if 'lora_B' in parameter_name:
                torch.nn.init.normal_(parameter, std=0.1)  # zero in a new adapter, which would hide every mistake
        folder = work / 'peft' / name
        model.save_pretrained(folder)
        save_logits(model, sequences, folder)


if __name__ == '__main__':
    main()
