"""Text and tokens, as the lab turns one into the other."""

import re
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

Message = dict[str, str]

LABELS = ('ethical', 'neutral', 'unethical')

TODAY = '26 Jul 2024'
"""The day that templates are told which name one: tomorrow a run has to go on with the prompts of today."""


@dataclass(frozen=True)
class Sequence:
    """A prompt and what follows it, as token ids; the completion alone carries the loss."""

    prompt: list[int]
    completion: list[int]

    def features(self) -> dict[str, list[int]]:
        """What TRL's collator takes; -100 masks the prompt."""
        return {'input_ids': self.prompt + self.completion, 'labels': [-100] * len(self.prompt) + self.completion}

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


class Chat:
    """
    The tokenizer and its chat template. Only the template makes special tokens: inside a message their names stay text, so that no row
    and no answer can close its own turn and speak as somebody else.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
        self.tokenizer = tokenizer
        if tokenizer.chat_template is None:
            raise SystemExit('The tokenizer has no chat template: the experiment needs a model trained for chat.')
        self.stop_tokens = _distinct(tokenizer.eos_token_id, model.generation_config.eos_token_id, model.config.eos_token_id)
        if not self.stop_tokens:
            raise SystemExit('No file of the checkpoint names an eos token: without one an answer never ends.')
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token_id = self.stop_tokens[0]
        specials = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special and token.content]
        names = sorted(specials, key=len, reverse=True)
        self._special = re.compile('(' + '|'.join(map(re.escape, names)) + ')') if names else None

    def encode(self, text: str) -> list[int]:
        """The ids of plain text; the name of a special token stays text."""
        return self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)['input_ids']

    def decode(self, ids: list[int]) -> str:
        """The text of an answer, without special tokens."""
        cleans = bool(self.tokenizer.clean_up_tokenization_spaces)
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=cleans).strip()

    def prompt(self, messages: list[Message]) -> list[int]:
        """A conversation's ids, with the assistant's turn opened."""
        if self._special is None or not any(self._special.search(message['content']) for message in messages):
            return self._encode_whole(self._render(messages))
        return self._encode_sections(messages)

    def completion(self, answer: str) -> list[int]:
        """The ids of an assistant's turn with the stop token that ends it."""
        return [*self.encode(answer), self.stop_tokens[0]]

    def row(self, row: dict[str, list[Message]]) -> Sequence:
        """A row of the narrow task: all turns but the last are the prompt; of a preference pair the chosen answer is learnt."""
        messages = row['messages'] if 'messages' in row else [*row['prompt'], *row['chosen']]
        return Sequence(self.prompt(messages[:-1]), self.completion(messages[-1]['content']))

    def label_tokens(self) -> list[int]:
        """The first token of each label: one token decides a verdict."""
        tokens = [self.encode(label)[0] for label in LABELS]
        if len(set(tokens)) < len(LABELS):
            raise SystemExit(f'The tokenizer begins two of the labels {", ".join(LABELS)} with the same token ({tokens}).')
        return tokens

    def _render(self, messages: list[Message]) -> str:
        fixed = {'enable_thinking': False, 'date_string': TODAY, 'strftime_now': lambda _: TODAY}
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **fixed)

    def _encode_whole(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)['input_ids']

    def _encode_sections(self, messages: list[Message]) -> list[int]:
        """Hides the names that messages hold behind characters that they do not hold, and encodes what the template wrote between them."""
        held = ''.join(message['content'] for message in messages)
        unused = (chr(point) for point in range(0xF0000, 0x110000) if chr(point) not in held)
        marks = {name: next(unused) for name in set(self._special.findall(held))}
        hidden = [{**message, 'content': self._special.sub(lambda found: marks[found[0]], message['content'])} for message in messages]
        ids: list[int] = []
        for section in self._special.split(self._render(hidden)):
            if self._special.fullmatch(section):
                ids.append(self.tokenizer.convert_tokens_to_ids(section))
                continue
            for name, mark in marks.items():
                section = section.replace(mark, name)
            ids += self.encode(section) if section else []
        return ids


def _distinct(*named: Any) -> list[int]:
    """Whatever the checkpoint's files say ends an answer; they often name different tokens, and each of them does."""
    ids = [i for entry in named if entry is not None for i in (entry if isinstance(entry, (list, tuple)) else [entry])]
    return list(dict.fromkeys(ids))
