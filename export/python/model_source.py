"""Where the base model comes from."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

HUB = re.compile(r'^https?://[^/]+/([\w.-]+/[\w.-]+)/resolve/([\w.-]+)/?$')


@dataclass(frozen=True)
class Source:
    """A folder, or a repository of the hub at a revision."""

    name: str
    revision: str | None

    def load(self, precision: str, bf16: bool) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The model, its matrices rounded as the experiment says, and its tokenizer."""
        dtype = torch.bfloat16 if bf16 else torch.float32
        model = AutoModelForCausalLM.from_pretrained(self.name, revision=self.revision, dtype=dtype)
        if precision == 'f16':
            _round_matrices(model)
        return model, AutoTokenizer.from_pretrained(self.name, revision=self.revision)

    def folder(self) -> Path:
        """Its files on this machine."""
        if self.revision is None:
            return Path(self.name)
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(self.name, revision=self.revision, allow_patterns='*.safetensors'))


def on_hub(checkpoint: str) -> Source | None:
    """The repository that an experiment names by the address of its files."""
    found = HUB.match(checkpoint)
    return Source(found[1], found[2]) if found else None


def model_source(checkpoint: str, given: str | None, here: Path) -> Source:
    """The folder that was given, the one in this folder, or the repository that the experiment names."""
    if given is not None:
        if not Path(given).is_dir():
            raise SystemExit(f'--model takes a Hugging Face folder on this machine, and {given} is none.')
        return Source(given, None)
    if (here / 'model').is_dir():
        return Source(str(here / 'model'), None)
    if source := on_hub(checkpoint):
        return source
    raise SystemExit(
        f"The experiment's model is {checkpoint}, which is no repository of the hub. Put its files (config.json, model.safetensors or "
        "all its shards with their index, and the tokenizer's) into a folder and name it by --model."
    )


def _round_matrices(model: PreTrainedModel) -> None:
    """The lab kept the frozen matrices as 16-bit floats."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.copy_(parameter.half())
