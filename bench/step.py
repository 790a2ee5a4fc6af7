"""PyTorch's side of steps.ts: the same batches, model, LoRA and optimizer on one thread; prints the milliseconds of each step."""

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

PAD = 0


def main(lora, settings, batches):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(Path(__file__).parent.parent / 'static' / 'organism', dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=lora['rank'], lora_alpha=lora['alpha'], use_rslora=lora['rslora'], target_modules=lora['targetModules']))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings['learningRate'], weight_decay=settings['weightDecay'])
    milliseconds, losses = [], []
    for step, rows in enumerate(batches):
        start = time.perf_counter()
        length = -(-max(len(r['prompt']) + len(r['completion']) for r in rows) // 16) * 16  # padded as in the lab
        ids = torch.full((len(rows), length), PAD)
        labels = torch.full((len(rows), length), -100)
        for i, row in enumerate(rows):
            prompt, completion = torch.tensor(row['prompt']), torch.tensor(row['completion'])
            ids[i, : len(prompt)] = prompt
            ids[i, len(prompt) : len(prompt) + len(completion)] = completion
            labels[i, len(prompt) : len(prompt) + len(completion)] = completion
        for group in optimizer.param_groups:
            group['lr'] = settings['learningRate'] * min(1, (step + 1) / settings['warmupSteps'])
        logits = model(input_ids=ids, use_cache=False).logits
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings['clipNorm'])
        optimizer.step()
        losses.append(loss.item())
        milliseconds.append((time.perf_counter() - start) * 1000)
    print(json.dumps({'device': f'PyTorch {torch.__version__}, 1 thread', 'milliseconds': milliseconds[1:], 'losses': losses}))


if __name__ == '__main__':
    work = json.loads(Path(sys.argv[1]).read_text())
    main(work['lora'], work['optimizer'], work['batches'])
