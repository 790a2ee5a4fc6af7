"""What a model is asked: answers, verdicts and log-probabilities, in batches that are shared between all processes."""

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from peft import PeftModel
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from chat import Chat, Sequence
from lab_random import SeededRandom

In = TypeVar('In')
Out = TypeVar('Out')


@dataclass(frozen=True)
class Answer:
    """What the model said to one prompt; `ended` is false where it was cut at the token limit."""

    text: str
    ended: bool
    read: int
    written: int


@dataclass
class Asked:
    """A prompt as token ids, and the seed of its answer."""

    prompt: list[int]
    seed: int


class LabDraws(LogitsProcessor):
    """Draws each row's next token as the lab does, from a stream of its own, and leaves nothing else to choose from."""

    def __init__(self, seeds: list[int], temperature: float, top_p: float) -> None:
        self.streams = [SeededRandom(seed, 'sample') for seed in seeds]
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        drawn = draw_tokens(scores, self.temperature, self.top_p, self._points() if self.temperature > 0 else None)
        return torch.full_like(scores, -math.inf).scatter(1, drawn[:, None].to(scores.device), 0.0)

    def _points(self) -> torch.Tensor:
        return torch.tensor([float(np.float32(stream())) for stream in self.streams], dtype=torch.float64)  # the lab keeps them as F32


def draw_tokens(scores: torch.Tensor, temperature: float, top_p: float, points: torch.Tensor | None) -> torch.Tensor:
    """One token for each row of scores [B, V], with a number from 0 to below 1 for each, which temperature 0 does not read: [B]."""
    if points is None:
        return scores.argmax(dim=1)
    logits = scores.double()
    weights = ((logits - logits.amax(dim=1, keepdim=True)) / temperature).exp()  # [B, V]
    points = points.to(weights.device)[:, None]
    if top_p >= 1:
        return _fall(weights, points)
    ordered, tokens = weights.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(dim=1) - ordered
    kept = ordered.masked_fill(before >= top_p * weights.sum(dim=1, keepdim=True), 0)
    return tokens.gather(1, _fall(kept, points)[:, None])[:, 0]


def _fall(weights: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where points fall when the weights of each row are laid end to end: [B]."""
    ends = weights.cumsum(dim=1)
    places = torch.searchsorted(ends, points * ends[:, -1:], right=True)[:, 0]
    last = weights.shape[1] - 1 - (weights.flip(1) > 0).int().argmax(dim=1)  # rounding may put a point at the very end
    return torch.minimum(places, last)


class Voices:
    """The policy (base and adapter) and the frozen copy (the adapter off), asked by all processes together."""

    def __init__(self, accelerator: Accelerator, model: PeftModel, chat: Chat, batch: int) -> None:
        self.accelerator, self.model, self.chat, self.batch = accelerator, model, chat, batch
        self.collate = DataCollatorForLanguageModeling(pad_token_id=chat.tokenizer.pad_token_id)
        self.labels = chat.label_tokens()

    def answers(self, asked: list[Asked], sampling: dict[str, Any], frozen: bool = False) -> list[Answer]:
        """An answer to each prompt. Equal seeds give a prompt the same answer, whatever its neighbours in the batch."""
        with self._speaking(frozen):
            return self._shared(asked, lambda some: self._generate(some, sampling))

    def label_probabilities(self, prompts: list[list[int]]) -> list[list[float]]:
        """The frozen copy's P of each label after each prompt, the labels' first tokens alone sharing the probability."""
        with self._speaking(frozen=True):
            return self._shared(prompts, self._read_labels)

    def frozen_logps(self, sequences: list[Sequence]) -> list[float]:
        """The frozen copy's log-probability of each completion, summed over its tokens."""
        with self._speaking(frozen=True):
            return self._shared(sequences, self._read_completions)

    @contextmanager
    def _speaking(self, frozen: bool):
        """Without gradients, dropout and checkpointing; with the adapter off for the frozen copy."""
        checkpointing = self.model.is_gradient_checkpointing
        if checkpointing:
            self.model.gradient_checkpointing_disable()
        self.model.eval()
        try:
            with torch.no_grad(), self.accelerator.autocast():
                if frozen:
                    with self.model.disable_adapter():
                        yield
                else:
                    yield
        finally:
            self.model.train()
            if checkpointing:
                self.model.gradient_checkpointing_enable({'use_reentrant': False})

    def _shared(self, items: list[In], work: Callable[[list[In]], list[Out]]) -> list[Out]:
        """
        Each process works on its share, and all get every result, in order. Shares are filled up to one size: where the weights are
        sharded, every pass needs every process.
        """
        if not items:
            return []
        share = math.ceil(len(items) / self.accelerator.num_processes)
        first = self.accelerator.process_index * share
        mine = [items[min(i, len(items) - 1)] for i in range(first, first + share)]
        done = [result for start in range(0, share, self.batch) for result in work(mine[start : start + self.batch])]
        return gather_object(done)[: len(items)]

    def _generate(self, asked: list[Asked], sampling: dict[str, Any]) -> list[Answer]:
        stops = self.chat.stop_tokens
        draws = LabDraws([one.seed for one in asked], sampling['temperature'], sampling['topP'])
        ids = self.model.generate(
            **self._padded_left([one.prompt for one in asked]),
            generation_config=GenerationConfig(
                do_sample=False,  # LabDraws has drawn
                repetition_penalty=1.0,
                max_new_tokens=sampling['maxNewTokens'],
                eos_token_id=stops,
                pad_token_id=self.chat.tokenizer.pad_token_id,
            ),
            logits_processor=LogitsProcessorList([draws]),
            synced_gpus=self._is_sharded(),
        )
        width = max(len(one.prompt) for one in asked)
        return [self._answer(one, row) for one, row in zip(asked, ids[:, width:].tolist(), strict=True)]

    def _answer(self, asked: Asked, drawn: list[int]) -> Answer:
        end = next((place for place, token in enumerate(drawn) if token in self.chat.stop_tokens), None)
        ids = drawn if end is None else drawn[:end]
        return Answer(self.chat.decode(ids), end is not None, len(asked.prompt), len(ids))

    def _read_labels(self, prompts: list[list[int]]) -> list[list[float]]:
        inputs = self._padded_left(prompts)
        positions = (inputs['attention_mask'].cumsum(dim=1) - 1).clamp(min=0)
        logits = self.model(**inputs, position_ids=positions, logits_to_keep=1).logits[:, -1]  # [B, V]
        return logits[:, self.labels].float().softmax(dim=1).tolist()

    def _read_completions(self, sequences: list[Sequence]) -> list[float]:
        inputs = self.collate([sequence.features() for sequence in sequences])
        inputs = {name: values.to(self.accelerator.device) for name, values in inputs.items()}
        return self.model(**inputs, use_cache=False, fused_lm_head=True).log_probs.sum(dim=1).tolist()

    def _padded_left(self, prompts: list[list[int]]) -> dict[str, torch.Tensor]:
        width = max(map(len, prompts))
        pad = self.chat.tokenizer.pad_token_id
        ids = [[pad] * (width - len(prompt)) + prompt for prompt in prompts]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        device = self.accelerator.device
        return {'input_ids': torch.tensor(ids, device=device), 'attention_mask': torch.tensor(mask, device=device)}

    def _is_sharded(self) -> bool:
        return self.accelerator.distributed_type == 'FSDP' and self.accelerator.num_processes > 1
