"""What a repository documents about itself, from cards of several shapes and from the files beside them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.builtin.scanners.documentation import plugin
from bascule.builtin.scanners.documentation.names import NAMES
from bascule.builtin.scanners.documentation.words import flop, provenance
from bascule.plugins.readers import Malformed, prose
from bascule.plugins.testing import check_scanner, memory_files, scan_memory
from bascule.records import Reading, ReadingSource
from builders import config, safetensors
from corpus.headers import gguf, pair


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


def test_there_is_one_reading_for_each_name() -> None:
    files = full_repository() | {"docs/README.md": FULL.replace("Example Works", "Other Works").encode()}
    names = [item.name for item in scan_memory(plugin, files).seen if isinstance(item, Reading)]
    assert sorted(names) == sorted(set(names))


def test_words_stay_declared_and_what_a_loader_reads_is_measured() -> None:
    found = {item.name: item for item in scan_memory(plugin, full_repository()).seen if isinstance(item, Reading)}
    assert found["doc.intended_use"].source is ReadingSource.DECLARED
    assert found["doc.intended_use"].location == "Direct Use, line 30"
    assert found["doc.max_input"].source is ReadingSource.MEASURED
    assert found["doc.max_input"].artefact == "config.json"


def test_the_hubs_template_left_empty_says_nothing() -> None:
    hollow = card(
        "# Model Card for Model ID",
        "<!-- Provide a quick summary of what the model is/does. -->",
        "This modelcard aims to be a base template for new models.",
        "- **Developed by:** [More Information Needed]",
        "- **Model type:** [More Information Needed]",
        "## Uses",
        "### Direct Use",
        "[More Information Needed]",
        "### Recommendations",
        "Users (both direct and downstream) should be made aware of the risks. More information needed.",
        "## How to Get Started with the Model",
        "Use the code below to get started with the model.",
        "[More Information Needed]",
        "## Training Details",
        "### Training Data",
        "[More Information Needed]",
        "#### Speeds, Sizes, Times [optional]",
        "[More Information Needed]",
        "## Environmental Impact",
        "Carbon emissions can be estimated using the [calculator](https://example.org) presented in a paper.",
        "- **Hours used:** TBD",
    )
    assert said(hollow) == {}


def test_labels_and_tables_of_a_vendors_card_are_read() -> None:
    found = said(
        card(
            "## Model Information",
            "**Model Developer:** Example Labs",
            "",
            "**Model Release Date:** Sept 25, 2025",
            "",
            "|  | Training Data | Input modalities | Output modalities | Context Length | Token count |",
            "| :-- | :-- | :-- | :-- | :-- | :-- |",
            "| 1B | Publicly available data. | Multilingual text and images | Text and code | 128k | Up to 9T tokens |",
            "",
            "## Intended Use",
            "**Intended Use Cases:** Assistants that answer in several languages.",
            "",
            "**Out of Scope:** Anything the law forbids.",
            "",
            "## Hardware and Software",
            "Training took 916k GPU hours of computation in all.",
            "",
            "|  | Training Time (GPU hours) |",
            "| :-- | :-- |",
            "| 1B | 370k |",
        )
    )
    assert found["provider"] == "Example Labs"
    assert found["release_date"] == "Sept 25, 2025"
    assert found["input_modalities"] == ("text", "image")
    assert found["output_modalities"] == ("text", "code")
    assert found["data_points"] == "Up to 9T tokens"
    assert found["intended_use"] == "Intended Use Cases: Assistants that answer in several languages."
    assert found["out_of_scope"] == "Anything the law forbids."
    assert found["compute_amount"] == "Training took 916k GPU hours of computation in all."
    assert found["training_time"] == "Training Time (GPU hours): 370k"


def test_hardware_that_trained_a_model_is_not_what_it_needs() -> None:
    found = said(
        card("# Small", "## Hardware", "The model was trained on 512 accelerators.", "## Uses", "Sorting mail.")
    )
    assert "hardware" not in found
    template = (
        "## Technical Specifications",
        "### Compute Infrastructure",
        "#### Hardware",
        "Eight cards of 80 GB each.",
    )
    assert "hardware" not in said(card("# Small", *template))


def test_a_readme_that_is_no_card_is_believed_on_its_use_alone() -> None:
    found = said({"README.md": b"# lib\n## Usage\nCall `run()` on a folder.\n## Results\nTwice as fast, 12 ms.\n"})
    assert found == {"technical_means": "Call run() on a folder."}


def test_a_word_that_denies_is_no_source() -> None:
    assert provenance("It holds no user data, and never synthetic text.") == ()
    assert provenance("We crawled the web and licensed data from two publishers.") == ("web", "private third-party")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("training took 1.7e23 FLOPs", 1.7e23),
        ("3.3 × 10^24 FLOP of training", 3.3e24),
        ("about 10^23 FLOPs", 1e23),
        ("2 \\times 10^{22} flops", 2e22),
        ("5 zettaFLOPs", 5e21),
        ("1,200 petaflop/s-days", 1200e15 * 86_400),
        ("4.1 GFLOPs per image", None),
        ("a chip of 312 TFLOPS", None),
        ("2e15 FLOP/s", None),
        ("1e23 FLOPs, later 2e23 FLOPs", None),
        ("no number of FLOPs", None),
    ],
)
def test_operations_are_read_as_stated_and_never_worked_out(text: str, number: float | None) -> None:
    assert flop(text) == (None if number is None else pytest.approx(number))


def test_a_dataset_card_answers_for_the_data() -> None:
    front = "size_categories: [10K<n<100K]\nannotations_creators: [crowdsourced]\nlanguage: [en]"
    lines = (
        "# Tickets",
        "## Dataset Creation",
        "### Curation Rationale",
        "Short tickets were removed, because nobody can sort them.",
        "### Source Data",
        "Tickets were collected from three public forums in 2024.",
        "### Personal and Sensitive Information",
        "Names and addresses were redacted by hand.",
        "### Discussion of Biases",
        "We measured topics by country; two are missing.",
    )
    found = said(card(*lines, front=front))
    assert found["data_points"] == "10K<n<100K examples"
    assert found["data_curation"] == "Short tickets were removed, because nobody can sort them."
    assert found["data_obtained"] == "Tickets were collected from three public forums in 2024."
    assert found["data_unsuitable"] == "Names and addresses were redacted by hand."
    assert found["data_bias"] == "We measured topics by country; two are missing."
    assert "other" in found["data_provenance"]  # type: ignore[operator]


def test_a_croissant_description_answers_for_the_data() -> None:
    croissant = {"rai:dataCollection": "Recorded by volunteers at home.", "rai:dataBiases": "Few older speakers."}
    found = said({"model.safetensors": safetensors(), "croissant.json": json.dumps(croissant).encode()})
    assert found["data_obtained"] == "Recorded by volunteers at home."
    assert found["data_bias"] == "Few older speakers."


def test_records_of_runs_give_time_energy_and_operations() -> None:
    found = said(
        {
            "trainer_state.json": json.dumps(
                {"total_flos": 3.5e17, "global_step": 900, "num_train_epochs": 3}
            ).encode(),
            "emissions.csv": b"duration,energy_consumed,codecarbon_version,tracking_mode\n3600,1.25,2.8.0,machine\n",
            "eval_results.json": json.dumps({"eval_accuracy": 0.91, "eval_runtime": 3.0}).encode(),
        }
    )
    assert found["compute_flop"] == 3.5e17
    assert found["energy"] == "1.25 kWh"
    assert found["energy_method"] == "CodeCarbon 2.8.0, tracking mode machine"
    assert found["training_time"] == "3600 seconds, as metered"
    assert found["evaluation"] == "eval_accuracy 0.91"


def test_policies_beside_the_model_are_read() -> None:
    found = said(
        {
            "README.md": b"# Small\n",
            "USE_POLICY.md": b"# Acceptable use\nYou may not use the model to deceive people.\n",
            "SECURITY.md": b"# Security\nWrite to security@example.org before you publish.\n",
            "training_data_summary.md": b"# Summary\nForum threads and public domain books, half each.\n",
            "CITATION.cff": b"cff-version: 1.2.0\ndate-released: 2026-03-14\n",
        }
    )
    assert found["acceptable_use"] == "You may not use the model to deceive people."
    assert found["disclosure_policy"] == "Write to security@example.org before you publish."
    assert found["training_summary"] == "Forum threads and public domain books, half each."
    assert found["release_date"] == "2026-03-14"


def test_a_sentence_encoders_own_limit_counts_before_its_backbones() -> None:
    files = {
        "config.json": config("BertModel", "bert", max_position_embeddings=512, vocab_size=30522),
        "sentence_bert_config.json": b'{"max_seq_length": 256}',
        "config_sentence_transformers.json": b'{"__version__": {"sentence_transformers": "2.0.0"}}',
        "tokenizer_config.json": b'{"model_max_length": 1000000000000000019884624838656}',
    }
    found = said(files)
    assert found["max_input"] == "256 tokens"
    assert found["output_modalities"] == ("embedding",)
    assert found["software"] == "saved with sentence_transformers 2.0.0"


def test_a_tokenizer_without_a_limit_gives_none() -> None:
    assert "max_input" not in said({"tokenizer_config.json": b'{"model_max_length": 1000000000000000019884624838656}'})


def test_a_package_says_what_it_needs_and_how_it_is_handed_on() -> None:
    metadata = b"Name: tiny\nVersion: 1.2\nRequires-Dist: numpy>=2\nRequires-Dist: pytest; extra == 'test'\n\n# tiny\n"
    found = said({"tiny-1.2.dist-info/METADATA": metadata})
    assert found["dependencies"] == ("numpy>=2",)
    assert found["channels"] == "Python package tiny 1.2"


def test_what_is_shown_is_short_and_safe() -> None:
    wild = "Sorting \x1b[31mred\x1b[0m mail \u202eback to front. " + "Sorting very long words and more of them " * 40
    found = scan_memory(plugin, card("# Small", "## Uses", wild)).seen
    words = [item.value for item in found if isinstance(item, Reading) and isinstance(item.value, str)]
    assert words
    assert all(len(word) <= 300 and word.isprintable() for word in words)


HOSTILE = {
    "headings": "# a\n",
    "labels": "- **Developed by:** a b c\n",
    "nested": "# a\n## Uses\n### c\n#### d\n##### e\n###### f\n",
    "tables": "| a | b | c |\n",
    "brackets": "[a](",
    "stars": "**",
    "numbers": "training 1e23 flops 1,000,000 ",
    "sentences": "Trained on biased data measured in 3 days. ",
    "comments": "<!--",
    "fences": "```\n",
}


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_long_card_of_one_thing_comes_to_an_end(piece: str) -> None:
    whole = piece * ((1 << 17) // len(piece))
    scan_memory(plugin, card("# Small", "## Training Data", whole))


def test_broken_documents_take_nothing_away_from_the_others() -> None:
    files = full_repository() | {
        "README.md": b"---\na: &a [x, x]\nb: [" + b"*a, " * 99 + b"*a]\n---\n# Uses\n",
        "requirements.txt": b"\xff\xfe\x00",
        "trainer_state.json": b"[" * 100_000,
    }
    assert said(files)["max_input"] == "4096 tokens"


def test_what_a_hub_fetched_says_from_which_revision() -> None:
    metadata = b"%s\n%s\n1760000000.0\n" % (b"a" * 40, b"b" * 40)
    found = said({"README.md": b"# x\n", ".cache/huggingface/download/config.json.metadata": metadata})
    assert found["channels"] == f"the Hugging Face Hub, revision {'a' * 40}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A [link](https://example.org/a_(b)) and `code_here`, **bold**.", "A link and code_here, bold."),
        ("| a | b |\n|---|---|\n| one | two |\n", "a, b; one, two"),
        ("We measured:\n\n| a | b |\n|---|---|\n| one | two |\n", "We measured: a, b; one, two"),
        ("- first thing\n- second thing\n", "first thing; second thing"),
        ("It was used e.g. In Rome. Twice a day.", "It was used e.g. In Rome. Twice a day."),
        ("```\ncode alone\n```\n", ""),
        ("TODO\n\nMore information needed\n", ""),
        ("See [the paper][p] for it.\n\n[p]: https://example.org\n", "See the paper for it."),
        (f"{'word ' * 100}end.", f"{('word ' * 60)[:299].rpartition(' ')[0]}…"),
    ],
)
def test_an_extract_is_the_first_words_that_say_something(text: str, words: str) -> None:
    assert prose.extract(text) == words


def test_an_html_table_is_read_as_any_other() -> None:
    table = "<table>\n<tr>\n<td>\n</td>\n<td><b>Context length</b>\n</td>\n<td>Token count\n</td>\n</tr>\n"
    table += "<tr>\n<td>1B\n</td>\n<td>128k\n</td>\n<td>Up to 9T tokens\n</td>\n</tr>\n</table>"
    found = said(card("# Small", "## Model Information", table, "## Uses", "Sorting mail by topic."))
    assert found["max_input"] == "128k"
    assert found["data_points"] == "Up to 9T tokens"
    assert found["intended_use"] == "Sorting mail by topic."


def test_bold_words_label_a_paragraph_only_where_they_open_it() -> None:
    found = said(
        card(
            "# Small",
            "## Intended Use",
            "**Out of scope** Advice on health.",
            "",
            "Sorting mail, chosen by hand",
            "**after reviewing the benchmark results** of 2025.",
        )
    )
    assert found["out_of_scope"] == "Advice on health."
    assert "evaluation" not in found


def test_a_link_keeps_its_address_where_that_is_the_answer() -> None:
    found = said(
        card(
            "# Small",
            "## Uses",
            "Sorting [mail](https://example.org/mail) by topic.",
            "## Contact",
            "[Form](https://example.org/f)",
        )
    )
    assert found["intended_use"] == "Sorting mail by topic."
    assert found["contact"] == "Form (https://example.org/f)"


def test_a_card_that_cannot_be_read_is_no_silence() -> None:
    [file] = memory_files({"README.md": b"---\na: 1\na: 2\n---\n# Uses\nSorting mail by topic.\n"})
    with pytest.raises(Malformed, match="appears twice"):
        list(plugin.scan(file))


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("training_time", ("## Speed", "The trained model transcribes a minute of speech in 5 seconds.")),
        ("data_obtained", ("## Training Data", "The corpus is licensed under CC-BY-4.0 and written in English.")),
        ("channels", ("## Distribution", "Half of the examples are positive.")),
        ("compute_flop", ("## Complexity", "The trained model computes 4.1e15 FLOPs per image.")),
        ("energy", ("## Impact", "Training emitted 12 kg of carbon dioxide.")),
        ("evaluation", ("## Evaluation", "It was tested on CIFAR10 and Food101.")),
        ("limitations", ("## Intended uses & limitations", "[More Information Needed]")),
        ("release_date", ("## Model date", "Trained on data up to the end of 2017.")),
    ],
)
def test_words_on_something_else_are_no_answer(name: str, section: tuple[str, str]) -> None:
    assert name not in said(card("# Small", "## Uses", "Sorting mail by topic.", *section))


def test_a_header_answers_where_there_is_no_card() -> None:
    header = gguf(
        (
            pair("general.architecture", "llama"),
            pair("general.name", "Heron 1B"),
            pair("general.organization", "Example Works"),
            pair("llama.context_length", 8192),
            pair("llama.block_count", 16),
            pair("tokenizer.ggml.model", "gpt2"),
        )
    )
    assert said({"heron.gguf": header}) == {
        "provider": "Example Works",
        "model_name": "Heron 1B",
        "design": "llama: 16 layers",
        "input_modalities": ("text",),
        "max_input": "8192 tokens",
        "output_modalities": ("text",),
        "software": "a loader of GGUF files, such as llama.cpp",
    }


def test_a_readme_beside_the_data_answers_for_the_data() -> None:
    data_card = b"---\nsize_categories: [1K<n<10K]\n---\n# Mail\n## Annotations\nThree people labelled every mail.\n"
    found = said(
        {
            "README.md": b"---\nlicense: mit\n---\n# Small\n## Uses\nSorting mail by topic.\n",
            "model.safetensors": safetensors(),
            "data/README.md": data_card,
        }
    )
    assert found["model_name"] == "Small"
    assert found["data_points"] == "1K<n<10K examples"
    assert found["data_curation"] == "Three people labelled every mail."


def test_code_that_is_named_like_a_policy_is_none() -> None:
    code = b'"""Loads the usage policy of a user."""\nimport os\n'
    assert "acceptable_use" not in said({"README.md": b"# lib\n", "use_policy.py": code})


@pytest.mark.parametrize(
    ("parts", "goes_in", "comes_out"),
    [
        ({"architectures": ["BertModel"], "vocab_size": 9}, ("text",), ("embedding",)),
        ({"architectures": ["LlamaForCausalLM"], "vocab_size": 9}, ("text",), ("text",)),
        (
            {"architectures": ["ViTForImageClassification"], "image_size": 224, "patch_size": 16},
            ("image",),
            ("scores",),
        ),
        ({"architectures": ["Wav2Vec2ForCTC"], "conv_stride": [5], "vocab_size": 32}, ("audio",), ("text",)),
        (
            {"architectures": ["WhisperForConditionalGeneration"], "num_mel_bins": 80, "vocab_size": 9},
            ("audio",),
            ("text",),
        ),
        (
            {"architectures": ["LlavaForConditionalGeneration"], "vision_config": {}, "text_config": {}},
            ("text", "image"),
            ("text",),
        ),
        ({"alignment_heads": [], "lang_ids": []}, ("audio",), ("text",)),
        ({"architectures": ["VitsModel"], "model_type": "vits", "vocab_size": 9}, ("text",), ("audio",)),
        (
            {"architectures": ["BeitForImageClassification"], "num_channels": 3, "vocab_size": 9},
            ("image",),
            ("scores",),
        ),
    ],
)
def test_a_configuration_tells_what_goes_in_and_comes_out(
    parts: dict[str, object], goes_in: tuple[str, ...], comes_out: tuple[str, ...]
) -> None:
    found = said({"config.json": json.dumps(parts).encode()})
    assert (found["input_modalities"], found["output_modalities"]) == (goes_in, comes_out)


HEADS = ("# ", "## Uses\n", "## Training Data\n", "**Developed by:** ", "---\n", "- ", "|", "\n", "```\n", "[a](b)")
WORDS = ("TODO", "1e23 FLOPs ", "trained on ", "3 hours ", "no user data. ", "\x1b[0m", "\u202e", "\x0c", "é")
PIECES = st.sampled_from([*HEADS, *WORDS, "<table>", "<tr><td>", "</table>", "<!--"])


@given(st.lists(PIECES, max_size=60).map("".join))
def test_whatever_a_card_holds_each_answer_is_short_safe_and_alone(text: str) -> None:
    seen = [
        item for item in scan_memory(plugin, {"README.md": f"# x\n{text}".encode()}).seen if isinstance(item, Reading)
    ]
    assert len({item.name for item in seen}) == len(seen)
    for item in seen:
        for word in item.value if isinstance(item.value, tuple) else (str(item.value),):
            assert 0 < len(word) <= 300
            assert word.isprintable()


@given(st.lists(PIECES, max_size=60).map("".join))
def test_writing_html_tables_plainly_moves_no_line(text: str) -> None:
    assert prose.with_plain_tables(text).count("\n") == text.count("\n")
