"""TRL's own preference losses and their gradients, for losses.test.ts.

    python tests/golden/losses.py      (versions: tests/requirements.txt)

The numbers come out of trl.DPOTrainer._compute_loss itself. It is called with a stand-in for the trainer (the few
fields that it reads) and a stand-in for the model, whose "outputs" are the log-probabilities of the case, one pair at
a time, in float64. Two of the lab's names are not TRL's:

- `sigmoid` with label smoothing (cDPO). TRL 1.16's "sigmoid" ignores label_smoothing; its "aot" of a single pair, where
  there is nothing to sort, is the same formula.
- "ipo" divides by the completion's length, as TRL does.
"""

import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import torch
import trl
from trl import DPOTrainer

POLICY = {
    'chosenLogps': [-40.25, -12.5, -55.0, -3.125, -70.0, -20.0],
    'rejectedLogps': [-41.5, -30.0, -50.0, -3.125, -9.0, -21.0],
}
REFERENCE = {
    'refChosenLogps': [-40.0, -20.0, -54.0, -3.125, -30.0, -24.0],
    'refRejectedLogps': [-41.0, -25.0, -58.0, -3.125, -40.0, -22.5],
}
LENGTHS = {'chosenLengths': [20, 7, 31, 1, 16, 5], 'rejectedLengths': [22, 12, 9, 1, 16, 4]}
CASES = (
    [('sigmoid', beta, smoothing) for beta in (0.1, 0.5, 2.0) for smoothing in (0.0, 0.1, 0.3)]
    + [('robust', beta, smoothing) for beta in (0.1, 2.0) for smoothing in (0.1, 0.4)]
    + [(name, beta, 0.0) for name in ('ipo', 'hinge') for beta in (0.1, 0.5, 2.0)]
)


def trl_loss(loss_type: str, beta: float, smoothing: float, logps, reference, lengths) -> tuple[torch.Tensor, dict]:
    """The loss of one pair; logps, reference and lengths are [chosen, rejected]."""
    if loss_type == 'sigmoid' and smoothing > 0:
        loss_type = 'aot'
    T = 1 + max(lengths)
    completion_mask = torch.tensor([[0] + [1] * n + [0] * (T - 1 - n) for n in lengths])
    log_probs = torch.cat([logps[:, None], torch.zeros(2, T - 2, dtype=logps.dtype)], dim=1)  # all in the first token
    zeros = torch.zeros(2, T - 1)
    outputs = SimpleNamespace(log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=False),
        accelerator=SimpleNamespace(device='cpu', gather=lambda x: x, gather_for_metrics=lambda x: x),
        beta=beta,
        label_smoothing=smoothing,
        loss_types=[loss_type],
        loss_weights=[1.0],
        f_divergence_type='reverse_kl',
        precompute_ref_logps=True,
        ld_alpha=None,
        use_weighting=False,
        aux_loss_enabled=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
    )
    inputs = {
        'input_ids': torch.zeros(2, T, dtype=torch.long),
        'attention_mask': torch.ones(2, T, dtype=torch.long),
        'completion_mask': completion_mask,
        'ref_chosen_logps': reference[:1],
        'ref_rejected_logps': reference[1:],
    }
    loss = DPOTrainer._compute_loss(trainer, lambda **_: outputs, inputs, return_outputs=False)
    return loss, trainer._metrics['eval']


def case(loss_type: str, beta: float, smoothing: float) -> dict:
    rows = {key: [] for key in ('losses', 'gradChosen', 'gradRejected', 'chosenRewards', 'rejectedRewards')}
    for logps, reference, lengths in zip(zip(*POLICY.values()), zip(*REFERENCE.values()), zip(*LENGTHS.values())):
        policy = torch.tensor(logps, dtype=torch.float64, requires_grad=True)
        loss, metrics = trl_loss(loss_type, beta, smoothing, policy, torch.tensor(reference, dtype=torch.float64), lengths)
        loss.backward()
        rows['losses'].append(loss.item())
        rows['gradChosen'].append(policy.grad[0].item())
        rows['gradRejected'].append(policy.grad[1].item())
        rows['chosenRewards'].append(metrics['rewards/chosen'][0])
        rows['rejectedRewards'].append(metrics['rewards/rejected'][0])
    return {'lossType': loss_type, 'beta': beta, 'labelSmoothing': smoothing, **POLICY, **REFERENCE, **LENGTHS, **rows}


def main() -> None:
    fixture = {'madeWith': f'trl {trl.__version__}', 'cases': [case(*arguments) for arguments in CASES]}
    Path(__file__).with_suffix('.json').write_text(json.dumps(fixture, indent='\t') + '\n')


if __name__ == '__main__':
    main()
