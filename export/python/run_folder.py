"""The folder that a run leaves, as the lab's own runs do: its page Runs opens it. One process writes."""

import hashlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

LINE_FILES = ('metrics.jsonl', 'evaluations.jsonl', 'verdicts.jsonl', 'pairs.jsonl')


class RunFolder:
    """Lines are added as the run goes; a run that goes on from a checkpoint first takes back what came after that."""

    def __init__(self, path: Path, writes: bool) -> None:
        self.path, self.writes = path, writes

    def begin(self, experiment: dict[str, Any], arm: str, given: list[Path]) -> None:
        """Makes the folder of a new run. A run that is there is never written over."""
        if not self.writes:
            return
        if (self.path / 'metrics.jsonl').exists():
            raise SystemExit(f'{self.path} holds a run already. Go on with it by --resume, or choose another folder by --out.')
        self.path.mkdir(parents=True, exist_ok=True)
        self.put('experiment.json', {**experiment, 'arms': [arm]})
        self.put('run.json', {'begun': datetime.now(timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')})
        for file in given:
            (self.path / file.name).write_bytes(file.read_bytes())
        for name in LINE_FILES:
            (self.path / name).touch()

    def put(self, name: str, value: Any) -> None:
        """Writes a file of one JSON value."""
        if self.writes:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(json.dumps(value, ensure_ascii=False, indent='\t') + '\n', encoding='utf-8')

    def write(self, file: str, *lines: dict[str, Any]) -> None:
        """Adds lines to one of the files."""
        if not self.writes or not lines:
            return
        with (self.path / file).open('a', encoding='utf-8') as stream:
            stream.writelines(json.dumps(line, ensure_ascii=False, allow_nan=False) + '\n' for line in lines)

    def log(self, told: dict[str, Any]) -> None:
        """Adds a line to metrics.jsonl, the run's log in the order of work."""
        self.write('metrics.jsonl', told)

    def sizes(self) -> dict[str, int]:
        """How far each file of lines has come, in bytes."""
        return {name: (self.path / name).stat().st_size for name in LINE_FILES}

    def take_back(self, sizes: dict[str, int]) -> None:
        """Cuts each file of lines to a size that it had."""
        if self.writes:
            for name, size in sizes.items():
                os.truncate(self.path / name, size)


class Meter:
    """What the method has cost so far, against plain fine-tuning of the same steps: tokens and seconds, by the lab's names."""

    def __init__(self) -> None:
        self.overhead: dict[str, Any] = {
            'sftTokens': 0,
            'answerTokens': 0,
            'judgeTokens': 0,
            'alternativeTokens': 0,
            'dpoTokens': 0,
            'sftSeconds': 0.0,
            'conscienceSeconds': 0.0,
            'tokenRatio': None,
            'secondRatio': None,
            'calls': 0,
        }

    def spend(self, **tokens: int) -> None:
        """Tokens by what they were for."""
        for kind, count in tokens.items():
            self.overhead[kind] += count

    def add_call(self, reference_tokens: int, seconds: float) -> None:
        """One call of the conscience; `reference_tokens` went through the frozen copy for the pairs' log-probabilities."""
        self.spend(dpoTokens=reference_tokens, calls=1)
        self.overhead['conscienceSeconds'] += seconds

    def add_reading(self, tokens: int, seconds: float) -> None:
        """Pairs that the frozen copy read beside its calls."""
        self.spend(dpoTokens=tokens)
        self.overhead['conscienceSeconds'] += seconds

    def add_step(self, sft: int, dpo: int, seconds: float) -> dict[str, Any]:
        """One optimizer step; its seconds are shared between the terms of its loss by the tokens of each."""
        of_dpo = seconds * dpo / (sft + dpo)
        self.spend(sftTokens=sft, dpoTokens=dpo)
        self.overhead['sftSeconds'] += seconds - of_dpo
        self.overhead['conscienceSeconds'] += of_dpo
        extra = sum(self.overhead[kind] for kind in ('answerTokens', 'judgeTokens', 'alternativeTokens', 'dpoTokens'))
        self.overhead['tokenRatio'] = extra / self.overhead['sftTokens']
        self.overhead['secondRatio'] = self.overhead['conscienceSeconds'] / self.overhead['sftSeconds']
        return dict(self.overhead)


def weights_hash(folder: Path) -> str:
    """SHA-256 of a checkpoint's weights as the lab gives it: of model.safetensors, or of the list of its shards' hashes."""
    whole = folder / 'model.safetensors'
    if whole.exists():
        return _hash(whole)
    shards = sorted(folder.glob('model-*.safetensors'))
    return hashlib.sha256(''.join(f'{_hash(shard)}  {shard.name}\n' for shard in shards).encode()).hexdigest()


def _hash(file: Path) -> str:
    found = hashlib.sha256()
    with file.open('rb') as stream:
        while block := stream.read(2**24):
            found.update(block)
    return found.hexdigest()
