"""What training, evaluation and metering programs wrote down beside the model.

Rules: a number is repeated with the key or column that it stands under; what such a program estimates is said to be its
estimate; rows of one file are added only where the file keeps one row a run.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from bascule.builtin.scanners.documentation.claim import Claim
from bascule.builtin.scanners.documentation.words import LEAST_TRAINING_FLOP
from bascule.kernel.text import visible
from bascule.plugins.readers import prose

MAX_RUNS = 1_000
MAX_METRICS = 12


def of_trainer(state: Mapping[str, Any], path: str) -> Iterator[Claim]:
    """`trainer_state.json`, `train_results.json`, `all_results.json` and `training_args.json` of transformers."""
    flop = _number(state.get("total_flos"))
    if flop and flop >= LEAST_TRAINING_FLOP:
        yield Claim("compute_flop", flop, path, "`total_flos`")
        yield Claim("compute_amount", f"{flop:.3g} floating point operations", path, "`total_flos`")
        yield Claim("compute_method", "estimated by the transformers Trainer (`total_flos`)", path, "`total_flos`")
    if seconds := _number(state.get("train_runtime")):
        yield Claim("training_time", f"{seconds:g} seconds", path, "`train_runtime`")
    if samples := _number(state.get("train_samples")):
        yield Claim("data_points", f"{samples:.0f} training samples", path, "`train_samples`")
    steps = [
        f"{words} {number:g}"
        for key, words in (
            ("learning_rate", "learning rate"),
            ("num_train_epochs", "epochs"),
            ("per_device_train_batch_size", "batch size per device"),
            ("train_batch_size", "batch size"),
            ("max_steps", "steps"),
            ("global_step", "steps done"),
        )
        if (number := _number(state.get(key))) and number > 0
    ]
    if len(steps) >= 2:
        yield Claim("training_process", ", ".join(steps), path, "training arguments")
    metrics = [
        f"{visible(key, 60)} {number:.4g}"
        for key, value in islice(state.items(), 500)
        if isinstance(key, str)
        and key.startswith("eval_")
        and not re.search(r"runtime|per_second|samples|steps|batch", key)
        and (number := _number(value)) is not None
    ]
    if metrics:
        yield Claim("evaluation", prose.joined(metrics[:MAX_METRICS]), path, "`eval_*`")


def of_results(results: Mapping[str, Any], path: str) -> Iterator[Claim]:
    """A file of evaluation results: its numbers, one level deep, or those of the evaluation harness."""
    table = results.get("results")
    rows = table if isinstance(table, dict) else results
    found: list[str] = []
    for task, value in islice(rows.items(), 200):
        numbers = value.items() if isinstance(value, dict) else [("", value)]
        for metric, one in islice(numbers, 50):
            number = _number(one)
            if number is not None and not re.search(
                r"stderr|runtime|per_second|samples|epoch|alias", f"{task}{metric}"
            ):
                found.append(f"{visible(' '.join(f'{task} {metric}'.split()), 80)} {number:.4g}")
    if found:
        yield Claim("evaluation", prose.joined(found[:MAX_METRICS]), path, "results")


def of_model_index(index: object, path: str) -> Iterator[Claim]:
    """The results in a card's front matter."""
    found = []
    for row in index[:20] if isinstance(index, list) else ():
        for result in _list(row, "results")[:50]:
            data = _name(_of(result, "dataset"))
            for metric in _list(result, "metrics")[:20]:
                value = metric.get("value") if isinstance(metric, dict) else None
                if isinstance(value, (int, float, str)) and not isinstance(value, bool) and _name(metric):
                    found.append(" ".join(part for part in (data, _name(metric), visible(str(value), 40)) if part))
    if found:
        yield Claim("evaluation", prose.joined(found[:MAX_METRICS]), path, "front matter `model-index`")


def of_emissions(text: str, path: str) -> Iterator[Claim]:
    """CodeCarbon's `emissions.csv`: one row a run, energy in kWh, duration in seconds."""
    try:
        rows = list(islice(csv.DictReader(io.StringIO(text)), MAX_RUNS + 1))
    except csv.Error:
        return
    if not rows or len(rows) > MAX_RUNS or "energy_consumed" not in rows[0]:
        return
    runs = "" if len(rows) == 1 else f" in {len(rows)} runs"
    energy = [_number(row.get("energy_consumed")) for row in rows]
    if all(one is not None for one in energy):
        total = math.fsum(one for one in energy if one is not None)
        yield Claim("energy", f"{total:.4g} kWh{runs}", path, "`energy_consumed`")
    version = prose.phrase(str(rows[-1].get("codecarbon_version") or ""), 40)
    mode = prose.phrase(str(rows[-1].get("tracking_mode") or ""), 40)
    tail = f", tracking mode {mode}" if mode else ""
    yield Claim("energy_method", f"CodeCarbon{' ' if version else ''}{version}{tail}", path, "columns of the file")
    duration = [_number(row.get("duration")) for row in rows]
    if all(one is not None for one in duration):
        total = math.fsum(one for one in duration if one is not None)
        yield Claim("training_time", f"{total:.0f} seconds{runs}, as metered", path, "`duration`")


def of_co2(value: object, path: str) -> Iterator[Claim]:
    """`co2_eq_emissions` of a front matter: its source says how emissions were found. Emissions are no energy."""
    if not isinstance(value, dict):
        return
    place = "front matter `co2_eq_emissions`"
    if source := _word(value.get("source")):
        yield Claim("energy_method", source, path, place)


def _list(row: object, key: str) -> list[Any]:
    value = row.get(key) if isinstance(row, dict) else None
    return value if isinstance(value, list) else []


def _of(row: object, key: str) -> object:
    return row.get(key) if isinstance(row, dict) else None


def _name(row: object) -> str:
    return _word(_of(row, "name")) or _word(_of(row, "type"))


def _word(value: object) -> str:
    return prose.phrase(value, 120) if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,20})?(e[-+]?[0-9]{1,2})?", value):
        return float(value)
    if isinstance(value, (int, float)) and abs(value) < 1e60 and math.isfinite(value):
        return float(value)
    return None
