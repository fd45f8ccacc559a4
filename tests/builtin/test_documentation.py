"""What a repository documents about itself, from cards of several shapes and from the files beside them."""

from __future__ import annotations

import pytest

from bascule.builtin.scanners.documentation import plugin
from bascule.builtin.scanners.documentation.names import NAMES
from bascule.plugins.testing import check_scanner, scan_memory
from builders import config, safetensors


def said(files: dict[str, bytes]) -> dict[str, object]:
    """What the scanner reads, without the `doc.`."""
    return {name.removeprefix("doc."): value for name, value in scan_memory(plugin, files).readings().items()}


def card(*lines: str, front: str = "license: apache-2.0") -> dict[str, bytes]:
    """A repository that holds a model card and nothing else."""
    return {"README.md": f"---\n{front}\n---\n".encode() + "\n".join(lines).encode()}


FULL = """---
license: apache-2.0
language: [en, de]
library_name: transformers
pipeline_tag: text-generation
datasets: [example/forum-threads]
co2_eq_emissions: {emissions: 1200, source: CodeCarbon on every node, training_type: pre-training}
model-index:
- name: heron-1b
  results:
  - task: {type: text-generation}
    dataset: {name: Example Quiz, type: example/quiz}
    metrics: [{type: accuracy, value: 0.61}]
---
# Model Card for Heron-1B

A small language model for English and German.

## Model Details
### Model Description
- **Developed by:** Example Works GmbH
- **Funded by [optional]:** [More Information Needed]
- **Model type:** Decoder-only transformer with grouped attention
- **Release date:** 14 March 2026
- **License:** Apache-2.0
### Model Sources
- **Repository:** https://example.org/heron-1b

## Uses
### Direct Use
Drafting and summarising short texts, with a person who reads the result.
### Downstream Use
Part of a writing assistant or a search system that shows its sources.
### Out-of-Scope Use
Advice on health, law or money; anything that nobody reads before it acts.
## Acceptable Use Policy
Do not use the model to deceive people. The whole policy is in USE_POLICY.md.
## Bias, Risks, and Limitations
Facts are often wrong. Dialects other than standard German are poorly covered.
### Recommendations
Users (both direct and downstream) should be made aware of the risks, biases and limitations of the model.

## How to Get Started with the Model
Use the code below to get started with the model.
```python
from transformers import pipeline
pipe = pipeline("text-generation", "example/heron-1b")
```

## Training Details
### Training Data
We collected 410 billion tokens of text from public web crawls and from publicly available forums.
A tenth is synthetic dialogue. It holds no user data.
Pages with personal data were removed, and illegal content was filtered with blocklists.
#### Data Collection
Pages were crawled between May and July 2025 by our own crawler, which honours robots.txt.
#### Data Filtering
Near duplicates were removed, and pages in other languages discarded.
#### Bias Mitigation
We measured the share of pronouns by profession and balanced the forum part.
### Training Procedure
Pre-trained for three epochs with a cosine schedule, then tuned on instructions.
#### Training Hyperparameters
- **Training regime:** bf16 mixed precision
### Design Rationale
Grouped attention was chosen to fit one consumer card at inference.

## Evaluation
### Results
Accuracy on Example Quiz is 0.61 (n = 2,000).
## Safety
A red team of five tried to obtain harmful instructions for two weeks.

## Environmental Impact
Carbon emissions can be estimated using the [Machine Learning Impact calculator](https://example.org).
- **Hardware Type:** 64 x accelerator, 80 GB
- **Hours used:** 310 hours
- **Energy consumed:** 14.2 MWh

## Technical Specifications
### Compute
Training took 2.5e21 FLOPs in all, estimated as six operations per parameter and token.
### Inference Compute
About 2 GFLOPs per token at a context of 512.
### Hardware Requirements
One card with 4 GB of memory, or a processor with AVX2.
### Software Requirements
transformers 4.50 or newer.

## Copyright Policy
We comply with rights reservations; owners write to rights@example.org.
## Summary of Training Content
The public summary is at https://example.org/heron-1b/summary.
## Reporting a vulnerability
Write to security@example.org; we answer within five days.
## Model Card Contact
models@example.org
"""


def full_repository() -> dict[str, bytes]:
    return {
        "README.md": FULL.encode(),
        "config.json": config(
            "LlamaForCausalLM",
            "llama",
            max_position_embeddings=4096,
            num_hidden_layers=16,
            hidden_size=2048,
            num_attention_heads=32,
            vocab_size=64000,
            transformers_version="4.50.1",
        ),
        "requirements.txt": b"transformers>=4.50\n# a comment\ntorch==2.6.0  # pinned\n-r other.txt\n",
        "model.safetensors": safetensors(),
    }


FROM_FULL = {
    "provider": "Example Works GmbH",
    "model_name": "Heron-1B",
    "release_date": "14 March 2026",
    "design": "Decoder-only transformer with grouped attention",
    "input_modalities": ("text",),
    "max_input": "4096 tokens",
    "output_modalities": ("text",),
    "intended_use": "Drafting and summarising short texts, with a person who reads the result.",
    "out_of_scope": "Advice on health, law or money; anything that nobody reads before it acts.",
    "system_types": "Part of a writing assistant or a search system that shows its sources.",
    "technical_means": 'from transformers import pipeline; pipe = pipeline("text-generation", "example/heron-1b")',
    "hardware": "One card with 4 GB of memory, or a processor with AVX2.",
    "software": "transformers 4.50 or newer.",
    "dependencies": ("transformers>=4.50", "torch==2.6.0"),
    "training_process": "Pre-trained for three epochs with a cosine schedule, then tuned on instructions.",
    "rationale": "Grouped attention was chosen to fit one consumer card at inference.",
    "data_modality": ("text",),
    "data_provenance": ("web", "public", "synthetic"),
    "data_obtained": "Pages were crawled between May and July 2025 by our own crawler, which honours robots.txt.",
    "data_points": "We collected 410 billion tokens of text from public web crawls and from publicly available forums.",
    "data_curation": "Near duplicates were removed, and pages in other languages discarded.",
    "data_unsuitable": "Pages with personal data were removed, and illegal content was filtered with blocklists.",
    "data_bias": "We measured the share of pronouns by profession and balanced the forum part.",
    "training_time": "310 hours",
    "compute_amount": "Training took 2.5e21 FLOPs in all, estimated as six operations per parameter and token.",
    "compute_flop": 2.5e21,
    "compute_method": "Training took 2.5e21 FLOPs in all, estimated as six operations per parameter and token.",
    "energy": "14.2 MWh",
    "energy_method": "CodeCarbon on every node",
    "inference_compute": "About 2 GFLOPs per token at a context of 512.",
    "acceptable_use": "Do not use the model to deceive people. The whole policy is in USE_POLICY.md.",
    "channels": "https://example.org/heron-1b",
    "evaluation": "Accuracy on Example Quiz is 0.61 (n = 2,000).",
    "limitations": "Facts are often wrong. Dialects other than standard German are poorly covered.",
    "safety": "A red team of five tried to obtain harmful instructions for two weeks.",
    "contact": "models@example.org",
    "disclosure_policy": "Write to security@example.org; we answer within five days.",
    "copyright_policy": "We comply with rights reservations; owners write to rights@example.org.",
    "training_summary": "The public summary is at https://example.org/heron-1b/summary.",
}


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize("name", sorted(FROM_FULL))
def test_a_full_card_answers_everything(name: str) -> None:
    assert said(full_repository()).get(name) == FROM_FULL[name]


def test_a_full_card_leaves_nothing_open() -> None:
    assert set(NAMES) - set(said(full_repository())) == set()
