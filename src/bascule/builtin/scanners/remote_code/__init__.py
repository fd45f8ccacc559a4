"""Code beside the weights: what would loading this model fetch and run, and what does its Python do?

`configs` answers `remote-code` from configurations; `calls` answers `code-dangerous-call` from Python by its syntax
tree, with `names` to see through spellings and `catalogue` for what to look for; `notebooks` and `shell` do so for
notebooks and scripts, `instances` for YAML whose loader calls what it names. A `.pth` file that is text is not weights:
once installed, each of its `import` lines runs whenever Python starts. Nothing is imported and nothing runs. Python or
YAML that does not parse cannot be judged, so it is an `error`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bascule.builtin.scanners.remote_code.calls import dangerous_calls, parse
from bascule.builtin.scanners.remote_code.cases import EXAMPLES
from bascule.builtin.scanners.remote_code.configs import remote_classes
from bascule.builtin.scanners.remote_code.instances import code_in_text, instances, scalars
from bascule.builtin.scanners.remote_code.mlflow import mlmodel_code
from bascule.builtin.scanners.remote_code.notebooks import code_cells
from bascule.builtin.scanners.remote_code.shell import embedded_lines, script_lines, shell_lines, two_steps
from bascule.builtin.scanners.remote_code.sight import DANGEROUS_CALL, REMOTE_CODE, Sight
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, media, text
from bascule.plugins.readers.card import split_front_matter
from bascule.records import Finding, Outcome, Severity

CODE_LIMIT_BYTES = 2 << 20
NOTEBOOK_LIMIT_BYTES = 32 << 20
YAML_LIMIT_BYTES = 8 << 20
MAX_FINDINGS = 50

_RULES = (
    Rule(
        id=REMOTE_CODE,
        question="Would loading this model run code that comes with it or from elsewhere?",
        severity=Severity.HIGH,
        remedy="read the named file and pin its revision, or use an architecture that the library ships",
        why="A model that needs `trust_remote_code` runs its publisher's Python with the rights of whoever loads it; "
        "code of another repository may change after it was read.",
        references=("CWE-829", "OWASP LLM03:2025"),
    ),
    Rule(
        id=DANGEROUS_CALL,
        question="Does code or a loader's setting in this file start processes, run made-up code, connect or unpickle?",
        severity=Severity.MEDIUM,
        remedy="read the named line; move it out of import time, replace it, or have a person accept it",
        why="Modules beside the weights are imported when the model loads. What runs on import runs on every machine "
        "that loads the model, before anybody looked at it.",
        references=("CWE-94", "CWE-502", "CWE-78"),
    ),
)


class RemoteCode:
    meta = Meta(
        id="remote_code",
        title="Code beside the weights",
        rules=_RULES,
        reads=Reads(
            media_types=(media.PYTHON, media.NOTEBOOK, media.YAML, media.SHELL),
            names=(
                "*config.json",
                "config_*.json",
                "model_index.json",
                "modules.json",
                "*.py",
                "*.pyw",
                "*.ipynb",
                "*.pth",
                *("*.yaml", "*.yml", "mlmodel", "readme*.md"),
                *("*.sh", "*.bash", "dockerfile", "dockerfile.*", "*.dockerfile"),
            ),
        ),
        limits=(
            f"at most {CODE_LIMIT_BYTES} bytes of Python or script, {NOTEBOOK_LIMIT_BYTES} of notebook, "
            f"{YAML_LIMIT_BYTES} of YAML",
            "scripts are read for downloads that are run and for shells opened to elsewhere, line by line",
            "names are followed within a module, not across modules",
            "Python of another version's grammar does not parse and is an error",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        try:
            yield from _reader_of(file)(file)
        except RecursionError as error:
            raise Malformed("nests deeper than can be followed") from error


def _reader_of(file: ScanFile) -> Callable[[ScanFile], Iterator[Seen]]:
    name = _name(file)
    if name.endswith(".md"):
        return _card
    if name.endswith(".json"):
        return _config
    if file.media_type == media.NOTEBOOK or name.endswith(".ipynb"):
        return _notebook
    if name.endswith(".pth"):
        return _path_file
    if file.media_type == media.YAML or name.endswith((".yaml", ".yml")) or name == "mlmodel":
        return _yaml
    if name.endswith((".py", ".pyw")) or file.media_type == media.PYTHON:
        return _python
    return _script


def _name(file: ScanFile) -> str:
    return file.path.rpartition("/")[2].lower()


def _config(file: ScanFile) -> Iterator[Seen]:
    source = text.read_text(file.read, file.size_bytes).value
    try:
        sights = list(remote_classes(source, file.path, file.listing))
    except Malformed as error:
        yield _error(REMOTE_CODE, file.path, "", str(error))
        return
    yield from _findings(sights, file.path)


def _python(file: ScanFile) -> Iterator[Seen]:
    if file.path.lower().endswith((".pyi", ".pyx", ".pxd")):
        for rule in _RULES:
            yield _answer(
                rule.id, Outcome.NOT_APPLICABLE, file.path, "", "a stub or Cython source, which nothing imports"
            )
        return
    if file.size_bytes > CODE_LIMIT_BYTES:
        raise Malformed(f"{file.size_bytes} bytes of Python, more than the {CODE_LIMIT_BYTES} that are read")
    name = file.path.rpartition("/")[2].lower()
    sights = list(dangerous_calls(parse(file.read(0, file.size_bytes)), is_setup=name == "setup.py"))
    if file.path.endswith("custom_generate/generate.py"):
        what = "generation with this model runs `custom_generate/generate.py` of its repository"
        sights.insert(0, Sight(REMOTE_CODE, Severity.HIGH, "", what, {"file": file.path}))
    if name in ("sitecustomize.py", "usercustomize.py"):
        what = "where it lies on Python's path, this file runs whenever Python starts"
        sights.insert(0, Sight(REMOTE_CODE, Severity.MEDIUM, "", what, {"file": file.path}))
    yield from _findings(sights, file.path)


def _path_file(file: ScanFile) -> Iterator[Seen]:
    if file.media_type not in (media.TEXT, media.PYTHON, media.SHELL, media.JSON, media.EMPTY):
        for rule in _RULES:
            yield _answer(rule.id, Outcome.NOT_APPLICABLE, file.path, "", "weights, not a list of import paths")
        return
    sights: list[Sight] = []
    for number, line in text.read_text(file.read, file.size_bytes, CODE_LIMIT_BYTES).lines():
        if line.startswith(("import ", "import\t")):
            what = "installed into site-packages, this line runs whenever Python starts"
            sights.append(Sight(REMOTE_CODE, Severity.HIGH, f"line {number}", what, {"line": line}))
            sights.extend(dangerous_calls(parse("\n" * (number - 1) + line)))
    yield from _findings(sights, file.path)


def _card(file: ScanFile) -> Iterator[Seen]:
    """The YAML in front of a card's text; the text itself is nothing that a loader runs."""
    front, _, _ = split_front_matter(text.read_text(file.read, file.size_bytes, YAML_LIMIT_BYTES).value)
    try:
        # One line lower, as the opening dashes are cut off.
        yield from _findings(list(instances("\n" + front)) if front else [], file.path)
    except Malformed as error:
        yield _error(DANGEROUS_CALL, file.path, "front matter", str(error))


def _yaml(file: ScanFile) -> Iterator[Seen]:
    source = text.read_text(file.read, file.size_bytes, YAML_LIMIT_BYTES).value
    try:
        sights = list(instances(source))
        for line, value in scalars(source):
            sights.extend(embedded_lines(value, line))
            sight = code_in_text(value, f"line {line}")
            sights.extend([sight] if sight else [])
        if _name(file) == "mlmodel":
            sights.extend(mlmodel_code(source))
    except Malformed as error:
        yield _error(DANGEROUS_CALL, file.path, "", str(error))
        return
    yield from _findings(sights, file.path)


_PYTHON_SCRIPT = re.compile(r"#!\s*\S*(?:/env\s+(?:-S\s+)?)?\S*python")


def _script(file: ScanFile) -> Iterator[Seen]:
    source = text.read_text(file.read, file.size_bytes, CODE_LIMIT_BYTES).value
    if _PYTHON_SCRIPT.match(source):
        yield from _python(file)
        return
    name = file.path.rpartition("/")[2].lower()
    yield from _findings(list(script_lines(source, is_dockerfile="dockerfile" in name)), file.path)


def _notebook(file: ScanFile) -> Iterator[Seen]:
    sights: list[Sight] = []
    for cell in code_cells(text.read_text(file.read, file.size_bytes, NOTEBOOK_LIMIT_BYTES).value):
        prefix = f"cell {cell.number} "
        sights.extend(shell_lines(cell.shell, prefix))
        sights.extend(two_steps(cell.shell, prefix))
        try:
            # A person runs a cell, knowing which; it weighs as a function does.
            sights.extend(dangerous_calls(parse(cell.python), prefix, imported=False))
        except Malformed as error:
            for rule in _RULES:
                yield _error(rule.id, file.path, prefix.strip(), str(error))
    yield from _findings(sights, file.path)


def _findings(sights: Sequence[Sight], path: str) -> Iterator[Finding]:
    worst_first = sorted(sights, key=lambda sight: -sight.severity.rank)
    for sight in worst_first[:MAX_FINDINGS]:
        yield Finding(
            rule=sight.rule,
            outcome=Outcome.TRUE,
            severity=sight.severity,
            confidence=sight.confidence,
            message=visible(sight.what, 1000),
            artefact=path,
            location=sight.place,
            remedy=_rule(sight.rule).remedy,
            details={
                key: visible(value, 300) if isinstance(value, str) else value for key, value in sight.seen.items()
            },
        )


def _error(rule: str, path: str, place: str, message: str) -> Finding:
    return _answer(rule, Outcome.ERROR, path, place, f"cannot be judged: {visible(message, 400)}")


def _answer(rule: str, outcome: Outcome, path: str, place: str, message: str) -> Finding:
    remedy = "mend the file until it parses, or remove it" if outcome == Outcome.ERROR else ""
    severity = _rule(rule).severity
    return Finding(
        rule=rule, outcome=outcome, severity=severity, message=message, artefact=path, location=place, remedy=remedy
    )


def _rule(rule_id: str) -> Rule:
    return next(rule for rule in _RULES if rule.id == rule_id)


plugin = RemoteCode()
