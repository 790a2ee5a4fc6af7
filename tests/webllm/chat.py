"""What chat.py makes of templates of several kinds, as JSON, for chat.test.ts."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'organism/webllm'))

from chat import conversation, renderer, without_first_token

TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
TEMPLATES = {
    'plain': TURNS,
    'with a first token': '{{ bos_token }}' + TURNS,
    'with a system turn of its own': "{% if messages[0].role != 'system' %}<system>Be helpful.</>\n{% endif %}" + TURNS,
    'without system turns': "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}" + TURNS,
    'with thoughts': TURNS + '{% if enable_thinking is defined and not enable_thinking %}<think></think>\n{% endif %}',
}

SETTINGS = {'bos_token': {'content': '<s>'}}
TOKENIZER = {'added_tokens': [{'id': 7, 'content': '<s>'}]}


def parts(template: str) -> dict:
    render, first = without_first_token(renderer(template, SETTINGS), '<s>', TOKENIZER)
    return conversation(render, [2]) | {'system_prefix_token_ids': first}


print(json.dumps({name: parts(template) for name, template in TEMPLATES.items()}))
