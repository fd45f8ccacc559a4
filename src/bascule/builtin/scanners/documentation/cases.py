"""Built cases for the documentation scanner."""

from __future__ import annotations

import json

from bascule.plugins.meta import Example

_CARD = b"""---
license: apache-2.0
pipeline_tag: text-classification
---
# Model Card for ticket-sorter
- **Developed by:** Example Works
- **Model type:** A six-layer encoder with a head for twelve topics
## Uses
### Direct Use
Sorting support tickets by topic, with a person reading the result.
### Out-of-Scope Use
[More Information Needed]
## Training Data
We collected 1.2 million tickets from public forums. Personal data was removed.
## Training Procedure
Trained for 14 hours on 8 GPUs, 3.1e19 FLOPs in all for training.
"""
_HOLLOW = b"""# Model Card for Model ID
<!-- Provide a quick summary of what the model is/does. -->
- **Developed by:** [More Information Needed]
## Uses
### Direct Use
<!-- This section is for the model use -->
[More Information Needed]
## Environmental Impact
Carbon emissions can be estimated using the [Machine Learning Impact calculator](https://example.org/).
- **Hours used:** [More Information Needed]
"""


def documentation_examples() -> tuple[Example, ...]:
    return (
        Example(
            "a card that says what forms ask for",
            lambda: {"README.md": _CARD, "config.json": json.dumps({"model_type": "bert", "n_ctx": 512}).encode()},
            {},
            {
                "doc.model_name": "ticket-sorter",
                "doc.provider": "Example Works",
                "doc.intended_use": "Sorting support tickets by topic, with a person reading the result.",
                "doc.out_of_scope": None,
                "doc.max_input": "512 tokens",
                "doc.data_unsuitable": "Personal data was removed.",
                "doc.compute_flop": 3.1e19,
            },
        ),
        Example(
            "a template that nobody filled in",
            lambda: {"README.md": _HOLLOW},
            {},
            {
                f"doc.{name}": None
                for name in ("provider", "intended_use", "training_time", "energy_method", "model_name")
            },
        ),
    )
