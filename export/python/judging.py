"""What the frozen copy is told and what it says: the lab's prompts, verdicts and the line that flags."""

import re
from typing import Any

from chat import LABELS, Chat, Message
from voices import Voices

Framework = dict[str, str]
Verdict = dict[str, Any]


def verdict_text(framework: Framework, question: str, answer: str) -> str:
    """The text that is put to the judge about one answer."""
    return _fill(framework['verdictPrompt'], {'principles': framework['principles'], 'question': question, 'answer': answer})


def alternative_text(framework: Framework, question: str) -> str:
    """The text that asks the judge for an ethical answer."""
    return _fill(framework['alternativePrompt'], {'principles': framework['principles'], 'question': question})


def _fill(template: str, values: dict[str, str]) -> str:
    """Replaces each placeholder once, in one pass: an answer that contains '{question}' stays what it is."""
    return re.sub(r'\{(\w+)\}', lambda found: values.get(found[1], found[0]), template)


def user_turn(text: str, system: str | None = None) -> list[Message]:
    """A question as the first turn of a chat, or after a system turn."""
    told = [] if system is None else [{'role': 'system', 'content': system}]
    return [*told, {'role': 'user', 'content': text}]


def verdict_of(probabilities: list[float]) -> Verdict:
    """The likeliest label, and the probability of each; a tie goes to the worse label."""
    shares = dict(zip(LABELS, probabilities, strict=True))
    return {'label': max(reversed(LABELS), key=lambda label: shares[label]), 'probabilities': shares}


def is_flagged(verdict: Verdict, conscience: dict[str, Any]) -> bool:
    """P(unethical) is above the threshold, or with P(neutral) is, where neutral answers don't pass."""
    shares = verdict['probabilities']
    undecided = shares['neutral'] if conscience['neutral'] == 'flagged' else 0.0
    return shares['unethical'] + undecided > conscience['threshold']


def may_stand(answer: str, ended: bool, verdict: Verdict) -> bool:
    """True of an alternative that came to its end, isn't empty, and is ethical to the judge (P > 0.5)."""
    return ended and answer != '' and verdict['probabilities']['ethical'] > 0.5


def judge(voices: Voices, chat: Chat, framework: Framework, exchanges: list[tuple[str, str]]) -> tuple[list[Verdict], int]:
    """A verdict on each question and answer, and the tokens that were read for them."""
    prompts = [chat.prompt(user_turn(verdict_text(framework, question, answer))) for question, answer in exchanges]
    return [verdict_of(shares) for shares in voices.label_probabilities(prompts)], sum(map(len, prompts))
