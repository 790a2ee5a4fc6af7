"""
What transformers and PEFT make of SmolLM2-135M-Instruct, for smollm2.test.ts: of each prompt of asked.json its tokens, the logits after
each of them and the greedy answer; of three LoRA steps their losses and the adapter that they end in.

    python reference.py MODEL FOLDER

All is computed in float64, so that the numbers are the true ones; what is stored is rounded to float32.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

source, target = map(Path, sys.argv[1:])
asked = json.loads((Path(__file__).parent / 'asked.json').read_text())
tokenizer = AutoTokenizer.from_pretrained(source)
model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float64, attn_implementation='eager').eval()


def chat(question: str) -> list[int]:
    return tokenizer.apply_chat_template([{'role': 'user', 'content': question}], add_generation_prompt=True, return_dict=False)


@torch.no_grad()
def answer(prompt: list[int]) -> dict:
    """The likeliest token again and again, checked to be nowhere near a tie, where rounding would decide."""
    ids = torch.tensor([prompt])
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=asked['newTokens'],
        output_scores=True,
        return_dict_in_generate=True,
    )
    for scores in out.scores:
        best = scores[0].topk(2).values
        assert best[0] - best[1] > 2e-3, 'two tokens are almost equally likely: choose another prompt'
    written = out.sequences[0, len(prompt) :].tolist()
    return {'ids': prompt, 'text': tokenizer.decode(written, skip_special_tokens=True), 'ended': written[-1] == tokenizer.eos_token_id}


def sequence(question: str, code: str) -> dict:
    completion = tokenizer(code, add_special_tokens=False).input_ids + [tokenizer.eos_token_id]
    return {'prompt': chat(question), 'completion': completion}


def sft_loss(policy, rows: list[dict]) -> torch.Tensor:
    """Mean negative log-likelihood over all completion tokens of the batch."""
    logps = []
    for row in rows:
        logits = policy(torch.tensor([row['prompt'] + row['completion']])).logits[0, len(row['prompt']) - 1 : -1]
        logps.append(F.log_softmax(logits, -1).gather(1, torch.tensor(row['completion'])[:, None]))
    return -torch.cat(logps).mean()


def train(policy) -> list[dict]:
    trainer = asked['trainer']
    parameters = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=trainer['learningRate'], weight_decay=trainer['weightDecay'])
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / trainer['warmupSteps']))
    steps = []
    for pairs in asked['steps']:
        rows = [sequence(question, code) for question, code in pairs]
        loss = sft_loss(policy, rows)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, trainer['clipNorm'])
        optimizer.step()
        warmup.step()
        steps.append({'rows': rows, 'loss': loss.item(), 'gradNorm': norm.item()})
    return steps


def save_adapter(name: str) -> None:
    save_file({key: tensor.float().contiguous() for key, tensor in get_peft_model_state_dict(policy).items()}, target / name)


torch.manual_seed(1)
target.mkdir(parents=True, exist_ok=True)
prompts = [chat(question) for question in asked['prompts']]
with torch.no_grad():
    logits = {str(i): model(torch.tensor([prompt])).logits[0].float() for i, prompt in enumerate(prompts)}
save_file(logits, target / 'logits.safetensors')
answers = [answer(prompt) for prompt in prompts]
policy = get_peft_model(model, LoraConfig(task_type='CAUSAL_LM', lora_dropout=0.0, **asked['lora']))
with torch.no_grad():
    for parameter in policy.parameters():
        parameter.copy_(parameter.float())  # what both sides begin from is exact in float32
save_adapter('before.safetensors')
steps = train(policy)
save_adapter('after.safetensors')
(target / 'golden.json').write_text(json.dumps({'answers': answers, 'steps': steps}))
