"""A model whose papers say what the forms of the law ask: a card in the hub's template, filled in, and a context."""

from __future__ import annotations

from builders import generative_model

CARD = b"""\
---
license: apache-2.0
pipeline_tag: text-generation
language: [en, de]
library_name: transformers
base_model: example/base-100m
datasets: [example/web-corpus, example/instructions]
---
# Model Card for Example 100M

A small decoder-only language model for text in English and German.

## Model Details

- **Developed by:** Example Ltd
- **Model type:** decoder-only transformer language model
- **Language(s):** English, German
- **License:** apache-2.0
- **Finetuned from model:** example/base-100m
- **Release date:** 2026-05-04

## Uses

### Direct Use

Drafting and summarising short texts for office work.

### Downstream Use

It can be built into writing assistants and search front ends.

### Out-of-Scope Use

Not for medical, legal or employment decisions.

## Acceptable use policy

The acceptable use policy is at https://example.org/use.

## How to Get Started with the Model

Install transformers 4.44 or newer and load it with `AutoModelForCausalLM`.

## Bias, Risks, and Limitations

It repeats biases of web text, and is wrong more often in German.

## Training Details

### Training Data

1.2 billion tokens of web text crawled from public sites in 2024 (85%) and licensed news archives (15%), in
English and German.
Personal data was removed with pattern filters; pages on a blocklist of illegal content were dropped. To limit
bias, sources
were balanced by language and by region.

### Training Procedure

#### Preprocessing

Deduplicated with MinHash, filtered for quality and for languages, tokenised with a vocabulary of 64.

#### Training Hyperparameters

Pre-trained with AdamW, then fine-tuned on instructions; cosine schedule, batch size 1,024, bf16. We chose a
small batch because
the loss was unstable at larger ones. It optimises next-token cross-entropy.

#### Speeds, Sizes, Times

Training took 36 hours on 8 GPUs, from 2026-03-01 to 2026-03-03.

## Evaluation

Perplexity of 18.2 on held-out web text; 61% on a question set.

## Environmental Impact

- **Hardware Type:** 8 x A100 80GB
- **Hours used:** 288
- **Energy:** 0.11 MWh, measured at the rack's meter
- **Carbon Emitted:** 42 kg

## Technical Specifications

### Model Architecture and Objective

A transformer decoder with 12 layers. Input: text up to 4,096 tokens. Output: text.

### Compute Infrastructure

#### Hardware

Inference needs a GPU with 2 GB of memory or any recent CPU.

#### Software

Python 3.11, torch 2.4, transformers 4.44.

Training used 3.1e18 FLOPs, estimated as 6 x parameters x tokens.

## Distribution

Weights are on example.org and on the hub; an API is offered to customers.

## Model Card Contact

models@example.org
"""

CONTEXT = b"""\
provider: Example Ltd
provider_contact: models@example.org
model_name: Example 100M
release_date: 2026-05-04
union_release_date: 2026-05-04
distribution_channels: [hub, api]
training_compute_flop: 3.1e18
"""


def documented_model() -> dict[str, bytes]:
    """A small language model with a card that says a lot."""
    return generative_model(**{"README.md": CARD})
