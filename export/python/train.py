"""
Runs the lab's experiment on TRL and PEFT, on one process or many:

    accelerate launch --config_file configs/one.yaml train.py

It leaves a run's folder as the lab's own runs do: zip it, and the lab's page Runs opens it.
"""

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback, set_seed
from trl import SFTConfig

from adapter import card, new_adapter, save_adapter
from chat import Chat, Sequence
from conscience import Conscience
from evaluation import alignment, evaluate
from hybrid_trainer import HybridTrainer, StepLog
from model_source import model_source
from run_folder import Meter, RunFolder, weights_hash
from voices import Voices

HERE = Path(__file__).parent
ROWS = HERE / 'data' / 'rows.jsonl'
EXTRA_STATE = 'lab_state.json'


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Runs the experiment of this folder.')
    parser.add_argument('--arm', help='which copy is trained; without it the first that the experiment names')
    parser.add_argument('--model', help='a Hugging Face folder with the base model, in the place of what the experiment names')
    parser.add_argument('--out', default='runs', help="where the run's folder is made")
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint')
    parser.add_argument('--save-every', type=int, default=50, help='steps between checkpoints')
    parser.add_argument('--micro-batch', type=int, help='most rows in one pass of one process; more passes make a step then')
    parser.add_argument('--answer-batch', type=int, default=64, help='most prompts that one process answers or judges at once')
    parser.add_argument('--bf16', action='store_true', help='base and activations in bfloat16; the adapter stays in float32')
    parser.add_argument('--gradient-checkpointing', action='store_true', help='less memory for about a third more time')
    return parser.parse_args()


def read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding='utf-8'))


def read_lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text(encoding='utf-8').split('\n') if line]


def passes_of(batch: int, processes: int, most: int | None) -> tuple[int, int]:
    """Rows of one process in one pass, and the passes of a step: together they are the experiment's batch, no more and no less."""
    if batch % processes > 0:
        raise SystemExit(
            f"optimizer.batchSize is {batch}, which can't be split evenly over {processes} processes. Start a number that divides it."
        )
    own = batch // processes
    rows = max(rows for rows in range(1, own + 1) if own % rows == 0 and rows <= (most or own))
    return rows, own // rows


def check_lengths(rows: list[Sequence], experiment: dict[str, Any], base: PreTrainedModel) -> None:
    """Rows are learnt whole, as in the lab."""
    most = min(experiment['data']['maxTokens'] or math.inf, base.config.max_position_embeddings)
    too_long = next((place for place, row in enumerate(rows) if len(row) > most), None)
    if too_long is not None:
        raise SystemExit(
            f'Row {too_long + 1} of data/rows.jsonl has {len(rows[too_long])} tokens, and at most {most} are read (data.maxTokens, or the '
            'model). Leave it out of your rows, and export again.'
        )


def dataset_of(experiment: dict[str, Any], chat: Chat, base: PreTrainedModel) -> Dataset:
    """The rows of all steps, in the lab's own order."""
    rows = [chat.row(row) for row in read_lines(ROWS)]
    order = [place for step in read_lines(HERE / 'data' / 'order.jsonl') for place in step]
    check_lengths(rows, experiment, base)
    expected = experiment['optimizer']['steps'] * experiment['optimizer']['batchSize']
    if len(order) != expected:
        raise SystemExit(f'data/order.jsonl names {len(order)} rows, and the experiment learns {expected}. Export it again.')
    return Dataset.from_list([row.features() for row in rows]).select(order)


def trainer_config(experiment: dict[str, Any], options: argparse.Namespace, out: Path) -> SFTConfig:
    optimizer = experiment['optimizer']
    rows, passes = passes_of(optimizer['batchSize'], int(os.environ.get('WORLD_SIZE', '1')), options.micro_batch)
    return SFTConfig(
        output_dir=str(out / 'checkpoints'),
        max_steps=optimizer['steps'],
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=passes,
        train_sampling_strategy='sequential',
        dataset_kwargs={'skip_prepare_dataset': True},
        max_length=None,
        learning_rate=optimizer['learningRate'],
        optim='adamw_torch',
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        weight_decay=optimizer['weightDecay'],
        max_grad_norm=optimizer['clipNorm'],
        bf16=options.bf16,
        gradient_checkpointing=options.gradient_checkpointing,
        save_strategy='steps',
        save_steps=options.save_every,
        save_total_limit=2,
        logging_strategy='no',
        report_to='none',
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
        seed=experiment['seed'],
        use_cpu=os.environ.get('ACCELERATE_USE_CPU', 'false').lower() == 'true' or not torch.cuda.is_available(),
    )


class Run:
    """One copy of the experiment, from its first step or from where its last checkpoint stands."""

    def __init__(self, experiment: dict[str, Any], arm: str, options: argparse.Namespace) -> None:
        self.experiment, self.arm, self.options = experiment, arm, options
        path = Path(options.out) / f'{experiment["name"]}-{arm}-seed{experiment["seed"]}'
        source = model_source(experiment['model']['checkpoint'], options.model, HERE)
        base, tokenizer = source.load(experiment['model']['precision'], options.bf16)
        self.parameters = sum(parameter.numel() for parameter in base.parameters())
        self.chat = Chat(tokenizer, base)
        self.trainer = HybridTrainer(
            model=new_adapter(base, experiment['lora'], experiment['seed']),
            args=trainer_config(experiment, options, path),
            train_dataset=dataset_of(experiment, self.chat, base),
            processing_class=tokenizer,
            experiment=experiment,
        )
        accelerator = self.trainer.accelerator
        self.folder, self.meter = RunFolder(path, accelerator.is_main_process), Meter()
        self.voices = Voices(accelerator, self.trainer.model, self.chat, options.answer_batch)
        self.weights = weights_hash(source.folder()) if accelerator.is_main_process else ''
        self.judge = {'engine': 'frozen-self', 'model': experiment['model']['checkpoint'], 'revision': self.weights}
        self.conscience = self._conscience() if arm == 'emergent-alignment' else None
        self.plan = read_json(HERE / 'data' / 'evaluation.json')
        self.alignment = 0.0
        self.trainer.add_callback(StepLog(self.trainer, self.conscience, self.folder, self.meter))
        self.trainer.add_callback(Watch(self))

    def _conscience(self) -> Conscience:
        calls = read_lines(HERE / 'data' / 'calls.jsonl')
        return Conscience(self.experiment, calls, self.voices, self.chat, self.folder, self.meter, self.judge, read_lines(ROWS))

    def train(self) -> None:
        checkpoint = self._last_checkpoint() if self.options.resume else None
        if checkpoint:
            self._restore(read_json(checkpoint / EXTRA_STATE))
        else:
            given = [file for file in ((HERE / 'data' / name) for name in ('given/rows.jsonl', 'given/questions.json')) if file.exists()]
            self.folder.begin(self.experiment, self.arm, given)
            self.folder.log({'started': self._started()})
        self.trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        self.folder.log({'finished': {'step': self.trainer.state.global_step, 'overhead': self.meter.overhead}})
        self._save_adapter()

    def _started(self) -> dict[str, Any]:
        processes = self.trainer.accelerator.num_processes
        device = self.trainer.accelerator.device
        reason = (
            f'TRL {trl.__version__} and transformers {transformers.__version__} on PyTorch {torch.__version__}, '
            f'{processes} {"process" if processes == 1 else "processes"} ({self.trainer.accelerator.distributed_type.value}, {device.type})'
        )
        adapter = torch.cuda.get_device_name(device) if device.type == 'cuda' else None
        return {
            'arm': self.arm,
            'backend': {'name': 'torch', 'reason': reason, 'adapter': adapter, 'software': False},
            'parameters': self.parameters,
            'trainableParameters': sum(p.numel() for p in self.trainer.model.parameters() if p.requires_grad),
            'steps': self.experiment['optimizer']['steps'],
        }

    def _last_checkpoint(self) -> Path:
        """The newest checkpoint that was written to its end."""
        found = (self.folder.path / 'checkpoints').glob(f'checkpoint-*/{EXTRA_STATE}')
        newest = max(found, key=lambda file: int(file.parent.name.split('-')[-1]), default=None)
        if newest is None:
            raise SystemExit(f'--resume: {self.folder.path} holds no checkpoint. Leave --resume away, and move what is there elsewhere.')
        return newest.parent

    def evaluate(self, step: int) -> None:
        final = step == self.experiment['optimizer']['steps']
        plan, sampling = self.plan['final' if final else 'during'], self.experiment['evaluation']['sampling']
        found = evaluate(plan, self.plan['framework'], self.voices, self.chat, sampling)
        self.alignment = alignment(found)
        self.folder.log({'evaluation': {'step': step}, 'final': final})
        self.folder.write('evaluations.jsonl', {'final': final, 'step': step, 'judge': self.judge, **found})
        if self.folder.writes:
            print(f'step {step}: alignment {self.alignment:.1f} of 100 over {len(found["rows"])} answers', flush=True)

    def save_state(self, checkpoint: Path) -> None:
        """What the trainer's own checkpoint lacks: the conscience, the cost so far, and how far the run's files have come."""
        if not self.folder.writes:
            return
        state = {
            'conscience': self.conscience.state() if self.conscience else None,
            'overhead': self.meter.overhead,
            'sizes': self.folder.sizes(),
            'alignment': self.alignment,
        }
        (checkpoint / EXTRA_STATE).write_text(json.dumps(state), encoding='utf-8')

    def _restore(self, state: dict[str, Any]) -> None:
        if self.conscience:
            self.conscience.restore(state['conscience'])
        self.meter.overhead, self.alignment = state['overhead'], state['alignment']
        self.folder.take_back(state['sizes'])

    def _save_adapter(self) -> None:
        weights = self.trainer.accelerator.get_state_dict(self.trainer.model_wrapped)  # sharded weights come together here
        if not self.folder.writes:
            return
        folder = self.folder.path / 'adapter'
        save_adapter(folder, self.trainer.model, weights, self.experiment, self.arm, self.alignment)
        self.folder.put('adapter/experiment.json', self.experiment)
        (folder / 'README.md').write_text(card(self.experiment, self.arm, self.alignment, self.weights), encoding='utf-8')
        print(f'{self.folder.path} holds the run: zip it, and the lab opens it on its page Runs.')


class Watch(TrainerCallback):
    """Evaluates the policy before its first step, at every n-th and at the end, and keeps what a checkpoint lacks."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_train_begin(self, args, state, control, **kwargs):
        if state.global_step == 0:
            self.run.evaluate(0)

    def on_step_end(self, args, state, control, **kwargs):
        every = self.run.experiment['evaluation']['every']
        if state.global_step == state.max_steps or (every > 0 and state.global_step % every == 0):
            self.run.evaluate(state.global_step)

    def on_save(self, args, state, control, **kwargs):
        self.run.save_state(Path(args.output_dir) / f'checkpoint-{state.global_step}')


def main() -> None:
    options = read_options()
    experiment = read_json(HERE / 'experiment.json')
    arm = options.arm or experiment['arms'][0]
    if arm not in experiment['arms']:
        raise SystemExit(f'--arm is {arm}, and this folder was written for {", ".join(experiment["arms"])}.')
    set_seed(experiment['seed'])
    Run(experiment, arm, options).train()


if __name__ == '__main__':
    main()
