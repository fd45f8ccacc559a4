"""Shell: lines of notebooks, scripts and Dockerfiles, told by what they would do when somebody runs them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bascule.builtin.scanners.remote_code.sight import DANGEROUS_CALL, Sight
from bascule.records import Severity

_FETCH = r"(?:curl|wget|aria2c)"
_SHELL = r"(?:(?:ba|z|da|k)?sh|python[\d.]*|perl|ruby|node)"
_BRINGS = re.compile(rf"\b{_FETCH}\b|\bbase64\s+(?:-d|-D|--decode)\b")
_TAKES = re.compile(rf"\s*(?:sudo\s+(?:-\S+\s+){{0,9}})?(?:env\s+)?(?:\w+=\S*\s+){{0,9}}(?:\S*/)?{_SHELL}(?![\w-])")
_RUNS_DOWNLOAD = (
    rf"(?:\b(?:{_SHELL}|source)|(?:^|[\s;&])\.)\s+(?:-\S+\s+){{0,9}}<\(\s*{_FETCH}\b"
    rf"|\b(?:eval|{_SHELL}\s+(?:-\w+\s+){{0,9}}-\w*[ce])\s+[\"']?(?:\$\(|`)\s*{_FETCH}\b"
    r"|(?i:\b(?:iex|invoke-expression)\b.{0,500}\b(?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b)"
)
_OPENS_SHELL = r"/dev/tcp/|\bnc\s+(?:-\w+\s+)*-e\b|\bncat\b.{0,500}--exec|mkfifo\b.{0,500}\bnc\b"
_REMOVES = r"\brm\s+-\w*[rf]\w*\s+(?:/|~|\$HOME)(?:\s|$)"
_INSTALLS = r"\bpip3?\s+install\b.{0,500}(?:https?://|git\+|--index-url|--extra-index-url|-i\s+http)"
_LINES: tuple[tuple[re.Pattern[str], Severity, str], ...] = (
    (re.compile(_RUNS_DOWNLOAD), Severity.HIGH, "runs what it downloads"),
    (re.compile(_OPENS_SHELL), Severity.HIGH, "opens a shell to elsewhere"),
    (re.compile(_REMOVES), Severity.MEDIUM, "removes more than its own files"),
    (re.compile(_INSTALLS), Severity.LOW, "installs from an address"),
)


def shell_lines(lines: Iterable[tuple[int, str]], prefix: str) -> Iterator[Sight]:
    """Lines worth a person's attention."""
    for number, line in lines:
        for command, severity, does in _worth_telling(line):
            seen = {"command": command[:200]}
            yield Sight(DANGEROUS_CALL, severity, f"{prefix}line {number}", f"a shell line {does}", seen)
            break


def _worth_telling(line: str) -> Iterator[tuple[str, Severity, str]]:
    for pipeline in _PIPELINE_END.split(line):
        if _pipes_into_a_shell(pipeline):
            yield pipeline.strip(), Severity.HIGH, "runs what it downloads"
    for pattern, severity, does in _LINES:
        match = pattern.search(line)
        if match:
            yield match.group(), severity, does


_PIPELINE_END = re.compile(r"&&|\|\||;")


def _pipes_into_a_shell(pipeline: str) -> bool:
    brought = False
    for command in pipeline.split("|"):
        if brought and _TAKES.match(command):
            return True
        brought = brought or _BRINGS.search(command) is not None
    return False


def script_lines(source: str, is_dockerfile: bool = False) -> Iterator[Sight]:
    """The same in a script, or in the RUN instructions of a Dockerfile: medium at most, as a person runs it knowingly.

    A line that a backslash or an open pipe continues is one line, told where it begins.
    """
    commands = list(_commands(source, is_dockerfile))
    for sight in (*shell_lines(commands, ""), *two_steps(commands)):
        yield replace(sight, severity=min(sight.severity, Severity.MEDIUM, key=lambda severity: severity.rank))


def embedded_lines(value: str, first_line: int) -> Iterator[Sight]:
    """The same in a value of settings that is a script, as the steps of CI files are."""
    if _BRINGS.search(value) or "/dev/tcp/" in value:
        for sight in script_lines(value):
            number = int(sight.place.removeprefix("line ")) - 1
            yield replace(sight, place=f"line {first_line + number}")


def two_steps(commands: Iterable[tuple[int, str]], prefix: str = "") -> Iterator[Sight]:
    """A file that is fetched, and then run, in one command or over several."""
    saved: dict[str, str] = {}
    for number, line in commands:
        for command in re.split(r"&&|\|\||;|\n", line):
            ran = _ran(command)
            if ran and ran.rpartition("/")[2] in saved:
                what = "a shell line runs what was downloaded before"
                seen = {"command": command.strip()[:200], "fetched": saved[ran.rpartition("/")[2]]}
                yield Sight(DANGEROUS_CALL, Severity.HIGH, f"{prefix}line {number}", what, seen)
            saved.update((name, command.strip()) for name in _saved(command))


def _saved(command: str) -> Iterator[str]:
    """The names under which a command keeps what it fetches, without their folders."""
    words = command.removeprefix("RUN ").split()
    tool = next((word.rpartition("/")[2] for word in words if word.rpartition("/")[2] in _FETCHERS), "")
    if not tool or not any("://" in word for word in words):
        return
    by_address = tool in ("wget", "aria2c", "ADD") or any(
        re.fullmatch(r"-\w*O\w*|--remote-name", word) for word in words
    )
    output = r"-\w*o|--output|--out" if tool != "wget" else r"-\w*O|--output-document"
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        kept = ""
        if re.fullmatch(rf"(?:{output})|\d?>>?", word):
            kept = following
        elif "://" in word and by_address:
            kept = re.split(r"[?#]", word)[0]
        elif match := re.match(rf"(?:(?:{output})=?|>)(?=[\w./])", word):
            kept = word[match.end() :]
        if name := kept.strip("\"'").rpartition("/")[2]:
            yield name
    if tool == "ADD":
        yield words[-1].rpartition("/")[2]


_FETCHERS = ("curl", "wget", "aria2c", "ADD")
_RUNS = re.compile(
    rf"\s*(?:RUN\s+)?(?:sudo\s+(?:-\S+\s+){{0,9}})?(?:\w+=\S*\s+){{0,9}}"
    rf"(?:(?:(?:\S*/)?{_SHELL}|source|\.)\s+(?:-\S+\s+){{0,9}}(?P<script>[^\s;&|<>-][^\s;&|<>]*)|(?P<itself>\.{{0,2}}/\S+))"
)


def _ran(command: str) -> str:
    match = _RUNS.match(command)
    return (match["script"] or match["itself"] or "").strip("\"'") if match else ""


_CONTINUES = re.compile(r"(?:\\|[|&]|\|\|)$")


def _commands(source: str, is_dockerfile: bool) -> Iterator[tuple[int, str]]:
    first = 0
    parts: list[str] = []
    for number, line in enumerate(source.splitlines(), start=1):
        line = line.strip()
        if line.startswith("#") or (parts and not line):
            continue
        first = first if parts else number
        parts.append(line.removesuffix("\\"))
        if not _CONTINUES.search(line):
            yield from _command(first, parts, is_dockerfile)
            parts = []
    if parts:
        yield from _command(first, parts, is_dockerfile)


_RUN_INSTRUCTION = re.compile(r"(?:ONBUILD\s+)?(?:RUN|ADD)\s", re.IGNORECASE)


def _command(first: int, parts: list[str], is_dockerfile: bool) -> Iterator[tuple[int, str]]:
    line = " ".join(parts)
    if not is_dockerfile or _RUN_INSTRUCTION.match(line):
        yield first, line
