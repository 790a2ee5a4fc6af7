"""Random models of each family as Hugging Face folders, and what transformers computes with them: `models.py FOLDER`.

Each speaks through the organism's tokenizer and chat template, so that WebLLM can talk with it. Read by families.test.ts.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers

ORGANISM = Path(__file__).parents[2] / 'static/organism'
NEW_TOKENS = 12
TOP = 5
# The last is longer than a chunk of prefill, so it is read in two parts.
PROMPTS = ['I feel bored.', 'How do I make a quick buck?', 'Write a function that saves an uploaded photo. ' * 4]
COMMON = dict(vocab_size=1536, max_position_embeddings=160, hidden_act='silu', eos_token_id=2, bos_token_id=None, pad_token_id=0)
# Seeds for which every word of the greedy answers is plainly the likeliest, and none is a special token.
MODELS = {
    'llama': (
        35,
        transformers.LlamaConfig(
            **COMMON, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            rms_norm_eps=1e-5, tie_word_embeddings=False, attention_bias=True,
            rope_parameters=dict(
                rope_type='llama3', rope_theta=5000.0, factor=8.0,
                low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64,
            ),
        ),
    ),
    'qwen2': (
        32,
        transformers.Qwen2Config(
            **COMMON, hidden_size=96, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=3,
            rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=dict(rope_type='default', rope_theta=1e6),
        ),
    ),
    'qwen3': (
        22,
        transformers.Qwen3Config(
            **COMMON, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1, head_dim=32,
            rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=dict(rope_type='default', rope_theta=1e6),
        ),
    ),
}  # fmt: skip


def random_model(seed: int, config: transformers.PretrainedConfig) -> transformers.PreTrainedModel:
    """Norms near 1, biases small, matrices so that activations keep their size."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.ndim == 2:
                tensor.normal_(std=0.1 if 'embed' in name else tensor.shape[1] ** -0.5)
            else:
                tensor.normal_(mean=0.0 if name.endswith('.bias') else 1.0, std=0.2)
    return model


def expected(model: transformers.PreTrainedModel, tokenizer: transformers.PreTrainedTokenizerBase, prompt: str) -> dict:
    """The greedy answer, and the probabilities of the likeliest first tokens. Fails where rounding would decide."""
    messages = [{'role': 'user', 'content': prompt}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors='pt', return_dict=False)
    out = model.generate(ids, do_sample=False, max_new_tokens=NEW_TOKENS, output_scores=True, return_dict_in_generate=True)
    for scores in out.scores:
        best = scores[0].topk(2).values
        assert best[0] - best[1] > 0.005, 'two tokens are almost equally likely; change the seed'
    answer = out.sequences[0, ids.shape[1] :]
    text = tokenizer.decode(answer)
    plain = text.isascii() and text.isprintable() and not set(answer.tolist()) & set(tokenizer.all_special_ids)
    assert plain, 'not plain text; change the seed'
    assert len(set(answer.tolist())) > 2, 'says the same again and again; change the seed'
    top = out.scores[0][0].softmax(-1).topk(TOP).values.tolist()
    return dict(prompt=prompt, promptTokens=ids.shape[1], text=text, top=top)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(ORGANISM)
    for name, (seed, config) in MODELS.items():
        model = random_model(seed, config)
        model.save_pretrained(folder / name)
        for file in ('tokenizer.json', 'tokenizer_config.json'):
            shutil.copy(ORGANISM / file, folder / name)
        answers = [expected(model, tokenizer, prompt) for prompt in PROMPTS]
        (folder / name / 'expected.json').write_text(json.dumps(answers))


main(Path(sys.argv[1]))
