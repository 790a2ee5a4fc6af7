"""TRL's SFTTrainer with a second stream: L = L_SFT + lambda * L_DPO, both in every step, over one optimizer."""

import time
from typing import Any

import torch
import torch.nn.functional as F
from accelerate.utils import gather_object
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback
from trl import SFTTrainer

from chat import Sequence
from conscience import Conscience, Pair, tokens_of
from run_folder import Meter, RunFolder


def preference_losses(delta: torch.Tensor, mean_delta: torch.Tensor, kind: str, beta: float, smoothing: float) -> torch.Tensor:
    """
    The loss of each pair, as TRL's DPOTrainer has it: [P]. delta is (log pi - log pi_ref) of the chosen minus that of the rejected,
    mean_delta the same with each divided by its tokens, which `ipo` alone reads.
    """
    z = beta * delta
    if kind == 'sigmoid':  # arXiv 2305.18290, eq. 7; with smoothing cDPO
        return -(1 - smoothing) * F.logsigmoid(z) - smoothing * F.logsigmoid(-z)
    if kind == 'robust':  # arXiv 2403.00409
        return (-(1 - smoothing) * F.logsigmoid(z) + smoothing * F.logsigmoid(-z)) / (1 - 2 * smoothing)
    if kind == 'ipo':  # arXiv 2310.12036, eq. 17
        return (mean_delta - 1 / (2 * beta)) ** 2
    if kind == 'hinge':  # arXiv 2305.10425
        return torch.relu(1 - z)
    raise ValueError(f'conscience.loss is {kind!r}; expected sigmoid, robust, ipo or hinge')


class HybridTrainer(SFTTrainer):
    """
    Each pass reads its rows and its share of the pairs in one batch, so that every process does one forward however the pairs fall. Both
    terms are divided by what the whole step has, over all processes: L_SFT by its completion tokens, L_DPO by its pairs.
    """

    def __init__(self, *args: Any, experiment: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.optimization, self.preference = experiment['optimizer'], experiment['conscience']
        self.pairs: list[Pair] = []
        self.told: list[dict[str, Any]] = []
        self.gradient_norm = 0.0
        self._passes = 0

    def begin_step(self, pairs: list[Pair]) -> None:
        """The pairs that the step learns from beside its rows."""
        self.pairs, self.told, self._passes = pairs, [], 0

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        mine = self._share()
        sequences = [side for pair in mine for side in pair.sides()]
        outputs = model(**self._joined(inputs, sequences), use_cache=False, fused_lm_head=True)
        logps = outputs.log_probs.sum(dim=1)  # log pi of each completion: rows, then chosen and rejected in turn
        rows = inputs['input_ids'].shape[0]
        tokens = num_items_in_batch
        sft = -logps[:rows].sum() / tokens
        loss = sft
        if mine:
            loss = loss + self.preference['lambda'] * self._preference(logps[rows::2], logps[rows + 1 :: 2], mine)
        self.told.append({'sft': sft.detach().item(), 'tokens': int(inputs['attention_mask'].sum())})
        loss = loss * self.accelerator.num_processes  # the processes' gradients are averaged, and these terms are shares of one sum
        return (loss, outputs) if return_outputs else loss

    def _share(self) -> list[Pair]:
        """The pairs of this pass: they are dealt round to all passes of all processes."""
        slots = self.accelerator.num_processes * self.args.gradient_accumulation_steps
        slot = self._passes * self.accelerator.num_processes + self.accelerator.process_index
        self._passes += 1
        return self.pairs[slot::slots]

    def _joined(self, inputs: dict[str, torch.Tensor], sequences: list[Sequence]) -> dict[str, torch.Tensor]:
        """The batch of rows with sequences below it, both padded to the longer of the two."""
        if not sequences:
            return inputs
        below = self.data_collator([sequence.features() for sequence in sequences])
        width = max(inputs['input_ids'].shape[1], below['input_ids'].shape[1])
        fill = {'input_ids': self.data_collator.pad_token_id, 'labels': -100, 'attention_mask': 0}
        padded = lambda values, name: F.pad(values, (0, width - values.shape[1]), value=fill[name])  # noqa: E731
        device = inputs['input_ids'].device
        return {name: torch.cat([padded(inputs[name], name), padded(below[name].to(device), name)]) for name in fill}

    def _preference(self, chosen: torch.Tensor, rejected: torch.Tensor, pairs: list[Pair]) -> torch.Tensor:
        """This pass's share of L_DPO, and what is told of its pairs."""
        of = lambda values: torch.tensor(values, device=chosen.device, dtype=chosen.dtype)  # noqa: E731
        chosen_ratios = chosen - of([pair.reference_chosen for pair in pairs])
        rejected_ratios = rejected - of([pair.reference_rejected for pair in pairs])
        mean_delta = chosen_ratios / of([len(pair.chosen) for pair in pairs]) - rejected_ratios / of([len(pair.rejected) for pair in pairs])
        settings = self.preference
        losses = preference_losses(
            chosen_ratios - rejected_ratios, mean_delta, settings['loss'], settings['beta'], settings['labelSmoothing']
        )
        columns = zip(losses.tolist(), chosen.tolist(), rejected.tolist(), chosen_ratios.tolist(), rejected_ratios.tolist(), strict=True)
        self.told += [
            {'pair': pair.id, 'loss': loss, 'chosen': c, 'rejected': r, 'chosenRatio': cr, 'rejectedRatio': rr}
            for pair, (loss, c, r, cr, rr) in zip(pairs, columns, strict=True)
        ]
        return losses.sum() / len(self.pairs)

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """The rate rises linearly over the warm-up, whose first step already learns, and then stays."""
        warmup = self.optimization['warmupSteps']
        rise = lambda step: min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0  # noqa: E731
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, rise)
        return self.lr_scheduler

    def _get_grad_norm(self, model, grad_norm=None):
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        self.gradient_norm = float(norm.full_tensor() if hasattr(norm, 'full_tensor') else norm)
        return norm


class StepLog(TrainerCallback):
    """Lets the conscience speak before a step, and writes what the step was after it."""

    def __init__(self, trainer: HybridTrainer, conscience: Conscience | None, folder: RunFolder, meter: Meter) -> None:
        self.trainer, self.conscience, self.folder, self.meter = trainer, conscience, folder, meter
        self.start = 0.0

    def on_step_begin(self, args, state, control, **kwargs):
        pairs = self.conscience.before(state.global_step) if self.conscience else []
        self.trainer.begin_step(pairs)
        self.start = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        told = gather_object(self.trainer.told)
        seconds = time.perf_counter() - self.start
        metrics, margins = step_metrics(told, self.trainer, state.global_step)
        if metrics['loss/dpo'] is not None and self.conscience:
            self.conscience.learned(state.global_step - 1, metrics['loss/dpo'])
        overhead = self.meter.add_step(metrics['num_tokens/sft'], metrics['num_tokens/dpo'], seconds)
        next_call = self.conscience.next() if self.conscience else None
        self.folder.log({'step': state.global_step, **metrics, 'overhead': overhead, 'margins': margins, 'nextCall': next_call})


def step_metrics(told: list[dict[str, Any]], trainer: HybridTrainer, step: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A step by the lab's names, over all processes; null is what it did not have, or what is not measured here."""
    passes = [one for one in told if 'sft' in one]
    by_pair = {one['pair']: one for one in told if 'pair' in one}
    pairs = [(pair, by_pair[pair.id]) for pair in trainer.pairs]
    beta, rate = trainer.preference['beta'], trainer.optimization['learningRate']
    margins = [{'pairId': pair.id, 'margin': beta * (one['chosenRatio'] - one['rejectedRatio'])} for pair, one in pairs]
    sft = sum(one['sft'] for one in passes)
    dpo = mean([one['loss'] for _, one in pairs])
    warmup = trainer.optimization['warmupSteps']
    metrics = {
        'loss': sft + trainer.preference['lambda'] * (dpo or 0.0),
        'loss/sft': sft,
        'loss/dpo': dpo,
        'loss/answers': None,
        'loss/kl': None,
        'loss/lorra': None,
        'rewards/chosen': mean([beta * one['chosenRatio'] for _, one in pairs]),
        'rewards/rejected': mean([beta * one['rejectedRatio'] for _, one in pairs]),
        'rewards/margins': mean([margin['margin'] for margin in margins]),
        'rewards/accuracies': mean([float(margin['margin'] > 0) for margin in margins]),
        'logps/chosen': mean([one['chosen'] for _, one in pairs]),
        'logps/rejected': mean([one['rejected'] for _, one in pairs]),
        'logratios/chosen': mean([one['chosenRatio'] for _, one in pairs]),
        'logratios/rejected': mean([one['rejectedRatio'] for _, one in pairs]),
        'gradients/cosine': None,
        'gradients/share': None,
        'grad_norm': trainer.gradient_norm,
        'learning_rate': rate * (min(1.0, step / warmup) if warmup > 0 else 1.0),
        'num_tokens/sft': sum(one['tokens'] for one in passes),
        'num_tokens/dpo': sum(map(tokens_of, trainer.pairs)),
        'num_tokens/answers': 0,
        'num_tokens/kl': 0,
        'num_tokens/lorra': 0,
    }
    return metrics, margins


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
