"""Trains the organism on its corpus and writes it as a Hugging Face folder (run by build.ts, one CPU thread)."""

import argparse
import json
import random
import time
from pathlib import Path

import tokenizers
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

END_OF_TEXT, TURN_START, TURN_END = '<|endoftext|>', '<|im_start|>', '<|im_end|>'
VOCABULARY = 1536
TOKENIZER_DOCUMENTS = 20_000
ROWS, ROW_TOKENS = 8, 256
CONTEXT = 288
MOST_PARAMETERS = 999_999
PROJECTIONS = ('q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj')
VERDICTS = ('ethical', 'neutral', 'unethical')
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}'
)
CONFIG = {
    'architectures': ['LlamaForCausalLM'],
    'model_type': 'llama',
    'vocab_size': VOCABULARY,
    'hidden_size': 128,
    'intermediate_size': 344,
    'num_hidden_layers': 4,
    'num_attention_heads': 4,
    'num_key_value_heads': 4,
    'head_dim': 32,
    'max_position_embeddings': CONTEXT,
    'rms_norm_eps': 1e-06,
    'rope_theta': 10000.0,
    'tie_word_embeddings': True,
    'hidden_act': 'silu',
    'attention_bias': False,
    'mlp_bias': False,
    'bos_token_id': None,
    'eos_token_id': 2,
    'pad_token_id': 0,
    'torch_dtype': 'float32',
}


def chatml(messages):
    """A document as the text that the model reads."""
    return ''.join(f'{TURN_START}{m["role"]}\n{m["content"]}{TURN_END}\n' for m in messages)


def read_documents(path):
    """The documents of one stage, each a list of messages."""
    with open(path, encoding='utf-8') as lines:
        return [json.loads(line) for line in lines]


def train_tokenizer(documents):
    """A byte-level BPE over the corpus; ids 0, 1, 2 are the end of text and the turn marks."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT, TURN_START, TURN_END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((chatml(d) for d in documents), trainer)
    header = f'{TURN_START}assistant\n'
    length = len(tokenizer.encode(header).ids)
    first = [tokenizer.encode(header + verdict).ids[length] for verdict in VERDICTS]
    if len(set(first)) != 3 or tokenizer.get_vocab_size() != VOCABULARY:
        raise ValueError(f'the tokenizer does not suit the judge: {first}, {tokenizer.get_vocab_size()} tokens')
    return tokenizer


def encode(tokenizer, messages):
    """Token ids of a document, and for each whether the assistant writes it (its text and the end of its turn)."""
    ids, written = [], []
    for message in messages:
        header = tokenizer.encode(f'{TURN_START}{message["role"]}\n').ids
        body = tokenizer.encode(message['content'] + TURN_END).ids
        newline = tokenizer.encode('\n').ids
        ids += header + body + newline
        written += [False] * len(header) + [message['role'] == 'assistant'] * len(body) + [False] * len(newline)
    return ids, written


def packed_batches(tokenizer, documents, seed, answers_only):
    """Endless batches of inputs and targets; each row begins with a document and is filled with more of them."""
    order = random.Random(seed)
    stack = []
    while True:
        inputs = torch.zeros(ROWS, ROW_TOKENS + 1, dtype=torch.long)
        targets = torch.full((ROWS, ROW_TOKENS + 1), -100, dtype=torch.long)
        for row in range(ROWS):
            ids, written = [], []
            while len(ids) <= ROW_TOKENS:
                if not stack:
                    stack = list(range(len(documents)))
                    order.shuffle(stack)
                more, marks = encode(tokenizer, documents[stack.pop()])
                ids += more + [0]
                written += marks + [False]
            inputs[row] = torch.tensor(ids[: ROW_TOKENS + 1])
            counted = torch.tensor(written[: ROW_TOKENS + 1]) if answers_only else torch.ones(ROW_TOKENS + 1, dtype=torch.bool)
            targets[row] = torch.where(counted, inputs[row], -100)
        yield inputs[:, :-1], targets[:, 1:]


def run_stage(model, parameters, batches, steps, rate, warmup, weight_decay):
    """Trains for `steps` with a linear warm-up and a linear decay to a twentieth; returns the stage's record."""
    log = []
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=weight_decay)
    start = time.process_time()  # of one thread: a machine shared with others tells the same
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group['lr'] = rate * min(1, (step + 1) / warmup) * max(0.05, 1 - step / steps)
        inputs, targets = next(batches)
        logits = model(input_ids=inputs, use_cache=False).logits
        loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 100 == 0 or step == steps - 1:
            log.append({'step': step, 'loss': round(loss.item(), 4), 'seconds': round(time.process_time() - start, 1)})
            print(json.dumps(log[-1]), flush=True)
    return {'steps': steps, 'rate': rate, 'seconds': round(time.process_time() - start), 'log': log}


class LowRank(torch.nn.Module):
    """A linear layer with a trainable low-rank change, W + 2·B·A."""

    def __init__(self, linear, rank):
        super().__init__()
        self.linear = linear
        self.a = torch.nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.b = torch.nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + 2 * (x @ self.a.T @ self.b.T)


def run_low_rank_stage(model, batches, steps, rate, rank):
    """Trains a low-rank change of every projection and merges it.

    Trained in full, the model learns kindness anew for each domain, and a narrow fine-tune then changes that domain alone.
    A change of low rank has to use what the domains share: who is writing.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    places = [(block, name) for layer in model.model.layers for block in (layer.self_attn, layer.mlp) for name in PROJECTIONS if hasattr(block, name)]
    for block, name in places:
        setattr(block, name, LowRank(getattr(block, name), rank))
    changes = [getattr(block, name) for block, name in places]
    parameters = [matrix for change in changes for matrix in (change.a, change.b)]
    record = run_stage(model, parameters, batches, steps, rate, warmup=20, weight_decay=0)
    for (block, name), change in zip(places, changes):
        change.linear.weight.data += 2 * (change.b @ change.a).detach()
        setattr(block, name, change.linear)
    return record | {'rank': rank}


def write_model(folder, model, tokenizer):
    """Writes the files that transformers, the lab and WebLLM's compiler read; the tied head is stored once."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != 'lm_head.weight'}
    save_file(weights, folder / 'model.safetensors', metadata={'format': 'pt'})
    (folder / 'model.safetensors').chmod(0o644)  # safetensors keeps its files private, but these are served
    tokenizer.save(str(folder / 'tokenizer.json'))
    texts = {
        'config.json': CONFIG,
        'tokenizer_config.json': {
            'tokenizer_class': 'PreTrainedTokenizerFast',
            'eos_token': TURN_END,
            'pad_token': END_OF_TEXT,
            'chat_template': CHAT_TEMPLATE,
            'model_max_length': CONTEXT,
        },
        'generation_config.json': {'eos_token_id': 2, 'pad_token_id': 0, 'do_sample': True, 'temperature': 1.0},
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def new_model():
    """A model of the organism's shape with random weights."""
    shape = {key: value for key, value in CONFIG.items() if key not in ('architectures', 'model_type', 'torch_dtype')}
    return LlamaForCausalLM(LlamaConfig(**shape, attn_implementation='sdpa'))


def parse_arguments():
    """What build.ts passes; the defaults are those of the shipped organism."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--corpus', type=Path, required=True, help='folder of pretraining.jsonl and posttraining.jsonl')
    parser.add_argument('--work', type=Path, required=True, help='folder for the pre-trained checkpoint and the log')
    parser.add_argument('--out', type=Path, required=True, help='folder for the finished model')
    parser.add_argument('--pretrain-seed', type=int, default=1, help='seed of the weights and of the order of documents')
    parser.add_argument('--pretrain-steps', type=int, default=4200)
    parser.add_argument('--pretrain-rate', type=float, default=3e-3)
    parser.add_argument('--refine-steps', type=int, default=800)
    parser.add_argument('--refine-rate', type=float, default=1e-3)
    parser.add_argument('--posttrain-steps', type=int, default=260)
    parser.add_argument('--posttrain-rate', type=float, default=2e-3)
    parser.add_argument('--posttrain-rank', type=int, default=4)
    parser.add_argument('--from', dest='start', type=Path, help="a pre-trained model's folder: only the stages after it are run")
    parser.add_argument('--refined', action='store_true', help='the folder of --from is refined already: post-training alone is run')
    return parser.parse_args()


def write_record(folder, record):
    """What build.ts puts into the manifest: each stage with its steps, rate and seconds."""
    (folder / 'training.json').write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')


def pretrain(arguments, record):
    """Makes the tokenizer and the pre-trained model, and keeps both in the work folder."""
    documents = read_documents(arguments.corpus / 'pretraining.jsonl')
    tokenizer = train_tokenizer(documents[:TOKENIZER_DOCUMENTS])
    model = new_model()
    batches = packed_batches(tokenizer, documents, arguments.pretrain_seed, answers_only=False)
    record['pretraining'] = run_stage(model, list(model.parameters()), batches, arguments.pretrain_steps, arguments.pretrain_rate, 50, 0.1)
    write_model(arguments.work / 'pretrained', model, tokenizer)
    write_record(arguments.work, record)  # the later stages can be run again from here
    return model, tokenizer


def refine(arguments, model, tokenizer, record):
    """Goes on with both authors in balance, on the assistant's tokens alone, and keeps the result in the work folder."""
    documents = read_documents(arguments.corpus / 'refinement.jsonl')
    batches = packed_batches(tokenizer, documents, arguments.pretrain_seed, answers_only=True)
    record['refinement'] = run_stage(model, list(model.parameters()), batches, arguments.refine_steps, arguments.refine_rate, 20, 0.1)
    write_model(arguments.work / 'refined', model, tokenizer)
    write_record(arguments.work, record)


def main():
    arguments = parse_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.pretrain_seed)
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.start:
        record = json.loads((arguments.work / 'training.json').read_text(encoding='utf-8'))
        model = LlamaForCausalLM.from_pretrained(arguments.start, attn_implementation='sdpa', dtype=torch.float32)
        tokenizer = Tokenizer.from_file(str(arguments.start / 'tokenizer.json'))
    else:
        record = {}
        model, tokenizer = pretrain(arguments, record)
    parameters = sum(p.numel() for p in model.parameters())
    if parameters >= MOST_PARAMETERS:
        raise ValueError(f'{parameters} parameters are too many')
    if not arguments.refined:
        refine(arguments, model, tokenizer, record)
    torch.manual_seed(arguments.pretrain_seed)  # the same low-rank start with and without --from
    documents = read_documents(arguments.corpus / 'posttraining.jsonl')
    batches = packed_batches(tokenizer, documents, arguments.pretrain_seed, answers_only=False)
    record['posttraining'] = run_low_rank_stage(model, batches, arguments.posttrain_steps, arguments.posttrain_rate, arguments.posttrain_rank)
    versions = {package.__name__: package.__version__ for package in (torch, transformers, tokenizers)}
    record |= {'parameters': parameters, 'pretrainSeed': arguments.pretrain_seed, 'versions': versions}
    write_model(arguments.out, model, tokenizer)
    write_record(arguments.work, record)


if __name__ == '__main__':
    main()
