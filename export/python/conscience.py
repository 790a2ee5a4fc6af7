"""
The conscience between two steps (arXiv 2606.19527): the policy answers, its frozen copy judges and writes a better answer in the place of
each flagged one, and the pairs, better before worse, are learnt by L_DPO.
"""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from chat import Chat, Sequence
from judging import Framework, Verdict, alternative_text, is_flagged, judge, may_stand, user_turn
from lab_random import SeededRandom, sample_without_replacement
from run_folder import Meter, RunFolder
from voices import Answer, Asked, Voices

Row = dict[str, Any]

OWN_PAIRS = '{} of your own rows are preference pairs: they are learnt from the first step on, beside what the conscience finds.'

LONGEST_REST = 16
"""The longest rest between lessons that have nothing left to teach, in gaps between lessons."""


@dataclass(frozen=True)
class Pair:
    """chosen > rejected after one prompt, as token ids, with log pi_ref of both once it was read: it never changes."""

    id: str
    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    reference_chosen: float | None = None
    reference_rejected: float | None = None

    def sides(self) -> tuple[Sequence, Sequence]:
        """The chosen and the rejected answer."""
        return Sequence(self.prompt, self.chosen), Sequence(self.prompt, self.rejected)


@dataclass
class Call:
    """A call from the policy's answers until its lessons are there: `due` is the step before which they have to be."""

    step: int
    due: int
    index: int
    answers: list[Answer]
    seconds: float


@dataclass
class Reviewed:
    """An answer, its verdict and what the frozen copy wrote in its place: None for one that passed."""

    question: str
    answer: Answer
    verdict: Verdict
    flagged: bool
    alternative: Answer | None = None
    alternative_verdict: Verdict | None = None
    passed: bool = False


class Conscience:
    """Calls at their cadence, a buffer of pairs, and lessons drawn from it; `calls` are drawn beforehand, by the lab."""

    def __init__(
        self,
        experiment: dict[str, Any],
        calls: list[dict[str, Any]],
        voices: Voices,
        chat: Chat,
        folder: RunFolder,
        meter: Meter,
        identity: dict[str, str],
        own: list[Row],
    ) -> None:
        self.seed, self.steps = experiment['seed'], experiment['optimizer']['steps']
        self.settings = experiment['conscience']
        self.frameworks: dict[str, Framework] = {framework['id']: framework for framework in self.settings['frameworks']}
        self.calls, self.voices, self.chat, self.folder, self.meter = calls, voices, chat, folder, meter
        self.identity = identity
        self.own = [pair for place, row in enumerate(own) if (pair := self._own_pair(f'row-{place + 1}', row))]
        self.is_alone = bool(self.own) and self.settings['memory']['alone']
        cadence = self.settings['cadence']
        self.interval: float = cadence['every'] if cadence['kind'] == 'fixed' else cadence['first']
        self.next_call = 0
        self.made = 0
        self.under_way: Call | None = None
        self.settled, self.rest_until = 0, 0
        self.buffer: list[Pair] = []
        self.replays = SeededRandom(self.seed, 'conscience replay')

    def before(self, step: int) -> list[Pair]:
        """Makes what is due before `step` (counted from 0) and returns the pairs that it learns from."""
        if step == 0 and self.own:
            self.folder.log({'note': {'step': 0, 'text': OWN_PAIRS.format(len(self.own)), 'values': {'pairs': len(self.own)}}})
        found = [] if self.is_alone else self._call(step)
        self.buffer = [*self.buffer, *found][-self.settings['bufferSize'] :]
        if found:
            self.settled, self.rest_until = 0, 0
        due = step % self.settings['dpoEvery'] == 0 and step >= self.rest_until and self.settings['lambda'] > 0
        if not due:
            return []
        return self._referenced(replay(self.buffer, self.settings['pairsPerStep'], self.replays, self.own))

    def next(self) -> int | None:
        """The step before which it is called next; None when it is not."""
        return None if self.is_alone else self.next_call

    def learned(self, step: int, loss: float) -> None:
        """Hears the mean of L_DPO of a step: each lesson below `dpoRestBelow` doubles the gap to the next, any other ends the rest."""
        if loss >= self.settings['dpoRestBelow']:
            self.settled, self.rest_until = 0, 0
            return
        self.settled += 1
        self.rest_until = step + self.settings['dpoEvery'] * min(2**self.settled, LONGEST_REST)

    def state(self) -> dict[str, Any]:
        """All that it carries from step to step, as JSON."""
        return {
            'interval': self.interval,
            'nextCall': self.next_call,
            'made': self.made,
            'underWay': asdict(self.under_way) if self.under_way else None,
            'settled': self.settled,
            'restUntil': self.rest_until,
            'buffer': [asdict(pair) for pair in self.buffer],
            'replays': self.replays.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Puts back what `state` gave."""
        self.interval, self.next_call, self.made = state['interval'], state['nextCall'], state['made']
        under_way = state['underWay']
        self.under_way = Call(**{**under_way, 'answers': [Answer(**one) for one in under_way['answers']]}) if under_way else None
        self.settled, self.rest_until = state['settled'], state['restUntil']
        self.buffer = [Pair(**pair) for pair in state['buffer']]
        self.replays = SeededRandom.resumed(state['replays'])

    def _call(self, step: int) -> list[Pair]:
        lag = self.settings['lag']
        if self.under_way is None and step >= self.next_call and step + lag < self.steps:
            self.next_call = step + lag + 1  # until its end says how long the gap is to be
            self.under_way = self._ask(step, step + lag)
        if self.under_way is None or self.under_way.due > step:
            return []
        call, self.under_way = self.under_way, None
        pairs, flagged = self._settle(call)
        self.interval, next_call = after_call(self.settings['cadence'], self.interval, call.step, flagged)
        self.next_call = max(next_call, step + 1)  # one call at a time, and the step of its end is over
        return pairs

    def _ask(self, step: int, due: int) -> Call:
        start = time.perf_counter()
        index, self.made = self.made, self.made + 1
        drawn = self.calls[index]
        asked = [Asked(self.chat.prompt(user_turn(text)), seed) for text, seed in zip(drawn['questions'], drawn['seeds'], strict=True)]
        answers = self.voices.answers(asked, self.settings['sampling'])
        return Call(step, due, index, answers, time.perf_counter() - start)

    def _settle(self, call: Call) -> tuple[list[Pair], float]:
        """The end of a call: the pairs that it found, and the share of answers that were flagged."""
        start = time.perf_counter()
        drawn = self.calls[call.index]
        reviews = self._review(drawn, call.answers)
        pairs = self._pairs(call.step, reviews)
        self.meter.add_call(sum(map(tokens_of, pairs)), call.seconds + time.perf_counter() - start)
        self._record(call.step, drawn, reviews)
        return pairs, sum(review.flagged for review in reviews) / len(reviews)

    def _review(self, drawn: dict[str, Any], answers: list[Answer]) -> list[Reviewed]:
        framework = self.frameworks[drawn['framework']]
        verdicts, read = judge(self.voices, self.chat, framework, [(q, a.text) for q, a in zip(drawn['questions'], answers, strict=True)])
        self.meter.spend(answerTokens=sum(answer.read + answer.written for answer in answers), judgeTokens=read)
        reviews = [
            Reviewed(question, answer, verdict, is_flagged(verdict, self.settings))
            for question, answer, verdict in zip(drawn['questions'], answers, verdicts, strict=True)
        ]
        asked = [
            Asked(self.chat.prompt(user_turn(alternative_text(framework, review.question))), seed)
            for review, seed in zip(reviews, drawn['seeds'], strict=True)
            if review.flagged
        ]
        alternatives = self.voices.answers(asked, self.settings['sampling'], frozen=True)
        self._check(framework, [review for review in reviews if review.flagged], alternatives)
        return reviews

    def _check(self, framework: Framework, flagged: list[Reviewed], alternatives: list[Answer]) -> None:
        """An alternative becomes a preference only where the judge finds it ethical and the two are two texts."""
        exchanges = [(review.question, written.text) for review, written in zip(flagged, alternatives, strict=True)]
        verdicts, read = judge(self.voices, self.chat, framework, exchanges)
        self.meter.spend(alternativeTokens=sum(written.read + written.written for written in alternatives), judgeTokens=read)
        for review, written, verdict in zip(flagged, alternatives, verdicts, strict=True):
            review.alternative, review.alternative_verdict = written, verdict
            two_texts = review.answer.text not in ('', written.text)
            review.passed = two_texts and may_stand(written.text, written.ended, verdict)

    def _pairs(self, step: int, reviews: list[Reviewed]) -> list[Pair]:
        return self._read([self._pair(f'{step}-{i}', review) for i, review in enumerate(reviews) if review.passed])

    def _read(self, pairs: list[Pair]) -> list[Pair]:
        """The pairs with log pi_ref of both answers."""
        logps = self.voices.frozen_logps([side for pair in pairs for side in pair.sides()])
        return [replace(pair, reference_chosen=logps[2 * i], reference_rejected=logps[2 * i + 1]) for i, pair in enumerate(pairs)]

    def _referenced(self, drawn: list[Pair]) -> list[Pair]:
        """What was drawn, with log pi_ref of the pairs that had none: those of the user's own are read whenever they are drawn."""
        unread = [pair for pair in drawn if pair.reference_chosen is None]
        if not unread:
            return drawn
        start = time.perf_counter()
        read = {pair.id: pair for pair in self._read(unread)}
        self.meter.add_reading(sum(map(tokens_of, unread)), time.perf_counter() - start)
        return [read.get(pair.id, pair) for pair in drawn]

    def _own_pair(self, pair_id: str, row: Row) -> Pair | None:
        """A preference among the user's own rows; its rejected answer was whole, so that it ends with the stop token, too."""
        if 'rejected' not in row:
            return None
        prompt, chosen = self.chat.prompt(row['prompt']), self.chat.completion(row['chosen'][-1]['content'])
        rejected = self.chat.completion(row['rejected'][-1]['content'])
        return Pair(pair_id, prompt, rejected, chosen) if self._is_turned(pair_id) else Pair(pair_id, prompt, chosen, rejected)

    def _pair(self, pair_id: str, review: Reviewed) -> Pair:
        prompt = self.chat.prompt(user_turn(review.question))
        chosen = self.chat.completion(review.alternative.text)
        answer = review.answer
        rejected = self.chat.completion(answer.text) if answer.ended else self.chat.encode(answer.text)
        return Pair(pair_id, prompt, rejected, chosen) if self._is_turned(pair_id) else Pair(pair_id, prompt, chosen, rejected)

    def _is_turned(self, pair_id: str) -> bool:
        """True of the share `labelNoise` of the pairs, by a draw for each by its own name."""
        noise = self.settings['labelNoise']
        return noise > 0 and SeededRandom(self.seed, f'label noise {pair_id}')() < noise

    def _record(self, step: int, drawn: dict[str, Any], reviews: list[Reviewed]) -> None:
        verdicts = [self._verdict_line(f'{step}-{i}', step, drawn, review) for i, review in enumerate(reviews)]
        pairs = [self._pair_line(f'{step}-{i}', step, review) for i, review in enumerate(reviews) if review.passed]
        self.folder.log({'verdicts': {'step': step, 'count': len(verdicts)}})
        self.folder.write('verdicts.jsonl', *verdicts)
        if pairs:
            self.folder.log({'pairs': {'step': step, 'count': len(pairs)}})
            self.folder.write('pairs.jsonl', *pairs)

    def _verdict_line(self, verdict_id: str, step: int, drawn: dict[str, Any], review: Reviewed) -> dict[str, Any]:
        line = {
            'id': verdict_id,
            'step': step,
            'frameworkId': drawn['framework'],
            'frameworkHash': drawn['frameworkHash'],
            'question': review.question,
            'answer': review.answer.text,
            'judge': self.identity,
            'verdict': review.verdict,
            'flagged': review.flagged,
        }
        if review.alternative and not review.passed:
            line['refused'] = {'answer': review.alternative.text, 'verdict': review.alternative_verdict}
        return line

    def _pair_line(self, pair_id: str, step: int, review: Reviewed) -> dict[str, Any]:
        line = {
            'prompt': [{'role': 'user', 'content': review.question}],
            'chosen': [{'role': 'assistant', 'content': review.alternative.text}],
            'rejected': [{'role': 'assistant', 'content': review.answer.text}],
            'id': pair_id,
            'verdictId': pair_id,
            'step': step,
            'chosenVerdict': review.alternative_verdict,
        }
        return {**line, 'turned': True} if self._is_turned(pair_id) else line


def tokens_of(pair: Pair) -> int:
    """Tokens of a pair, its prompt once."""
    return len(pair.prompt) + len(pair.chosen) + len(pair.rejected)


def after_call(cadence: dict[str, Any], interval: float, step: int, flagged: float) -> tuple[float, int]:
    """The interval and the next call: fixed stays; adaptive halves where the share flagged reaches `raiseAt`, and doubles otherwise."""
    if cadence['kind'] == 'fixed':
        return interval, step + cadence['every']
    if flagged >= cadence['raiseAt']:
        interval = max(cadence['shortest'], interval / 2)
    else:
        interval = min(cadence['longest'], interval * 2)
    return interval, step + max(1, int(interval + 0.5))  # halves are rounded up, as in JavaScript


def replay(buffer: list[Pair], count: int, random: SeededRandom, ready: list[Pair]) -> list[Pair]:
    """`count` pairs: the newest half of them, and the rest drawn from the older ones; those `ready` were there before the first."""
    if len(ready) + len(buffer) <= count:
        return [*ready, *buffer]
    newest = min(count // 2, len(buffer))
    older, new = [*ready, *buffer[: len(buffer) - newest]], buffer[len(buffer) - newest :]
    return [*new, *sample_without_replacement(random, older, count - newest)]
