"""What transformers makes of conversations in chat templates of the families that the lab reads, for chatTemplates.test.ts.

    python tests/golden/chatTemplates.py      (versions: tests/requirements.txt)

The templates are written for this test, in the style of their families: none is anybody's own.
"""

import json
from pathlib import Path

import transformers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
ORGANISM = HERE.parent.parent / 'static' / 'organism'

DEFAULT_SYSTEM = """\
{%- if messages[0]['role'] != 'system' %}{{- '<|im_start|>system\\nYou are small and helpful.<|im_end|>\\n' }}{%- endif %}
{%- if tools %}{{- 'TOOLS' }}{%- endif %}
{%- for message in messages %}{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
# Every answer behind the last question has a (perhaps empty) draft before it; older ones lose theirs.
THINKING = """\
{%- set ns = namespace(asked=0) %}
{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.asked = loop.index0 %}{%- endif %}{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role == 'assistant' %}
        {%- set draft = '' %}
        {%- if '</think>' in content %}
            {%- set draft = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.asked %}
            {{- '<|im_start|>assistant\\n<think>\\n' + draft.strip('\\n') + '\\n</think>\\n\\n' + content + '<|im_end|>\\n' }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}
        {%- endif %}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and not enable_thinking %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""
HEADERS = """\
{{- bos_token }}
{%- if messages[0].role == 'system' %}{%- set first = messages[0].content | trim %}{%- set rest = messages[1:] %}
{%- else %}{%- set first = '' %}{%- set rest = messages %}{%- endif %}
{{- '[system]\\n' + first + eos_token }}
{%- for message in rest %}{{- '[' + message.role + ']\\n' + message.content | trim + eos_token }}{%- endfor %}
{%- if add_generation_prompt %}{{- '[assistant]\\n' }}{%- endif %}
"""
STRICT = """\
{%- for message in messages %}
    {%- if message.role == 'system' %}{{- raise_exception('a system turn is not supported') }}{%- endif %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('user and assistant have to take turns') }}{%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
TEMPLATES = {'default system turn': DEFAULT_SYSTEM, 'thinking': THINKING, 'bos and headers': HEADERS, 'strict': STRICT}

U, A, S = ({'role': role} for role in ('user', 'assistant', 'system'))
CONVERSATIONS = [
    [{**U, 'content': ' Why? \n'}],
    [{**U, 'content': 'Why?'}, {**A, 'content': 'So.'}],
    [{**S, 'content': ' Be brief. '}, {**U, 'content': 'Why?'}, {**A, 'content': 'So.'}],
    [{**U, 'content': '1'}, {**A, 'content': '<think>\nhm\n</think>\n\n2'}, {**U, 'content': '3'}, {**A, 'content': '4'}],
    [{**U, 'content': '1'}, {**A, 'content': '<think>\nhm\n</think>\n\n2'}],
    [{**A, 'content': 'I begin.'}, {**U, 'content': 'Do you?'}],
]


def rendered(tokenizer, messages: list, prompt: bool) -> str | None:
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, enable_thinking=False)
    except Exception:  # the template has refused
        return None


def main() -> None:
    families = []
    for name, template in TEMPLATES.items():
        tokenizer = AutoTokenizer.from_pretrained(ORGANISM)
        tokenizer.chat_template = template
        tokenizer.bos_token = '<|im_start|>'
        cases = [
            {'messages': messages, 'addGenerationPrompt': prompt, 'text': rendered(tokenizer, messages, prompt)}
            for messages in CONVERSATIONS
            for prompt in (True, False)
        ]
        families.append({'name': name, 'template': template, 'bos': tokenizer.bos_token, 'eos': tokenizer.eos_token, 'cases': cases})
    fixture = {'families': families, 'madeWith': f'transformers {transformers.__version__}'}
    (HERE / 'chatTemplates.json').write_text(json.dumps(fixture, ensure_ascii=True) + '\n')


if __name__ == '__main__':
    main()
