"""pip's own syntax: requirements files, and what stands after `pip install`.

Source: pip's "Requirements File Format"; options that install nothing are let through.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from bascule.builtin.scanners.dependencies.wanted import Index, Item, Unread, Wanted, is_address, requirement
from bascule.plugins.readers.text import Text

_INDEXES = {
    "-i": "index",
    "--index-url": "index",
    "--pypi-url": "index",
    "--extra-index-url": "extra-index",
    "-f": "find-links",
    "--find-links": "find-links",
    "--trusted-host": "trusted-host",
}
_EDITABLE = ("-e", "--editable")
_FILES = ("-r", "--requirement", "-c", "--constraint")
_WITH_VALUE = re.compile(
    r"-[tbdp]|--(?:target|prefix|root|python|platform|python-version|implementation|abi|src|cache-dir|log|proxy|"
    r"timeout|retries|cert|client-cert|progress-bar|upgrade-strategy|no-binary|only-binary|config-settings?|"
    r"global-option|use-feature|root-user-action|exists-action|hash|report)"
)
_OPTION = re.compile(
    r"(?:^|\s)(--hash[= ]\S+|--(?:global-option|config-settings?|install-option)[= ](?:\"[^\"]*\"|\S+))"
)
_COMMENT = re.compile(r"(^|\s)#.*$")
_PIP = re.compile(
    r"(?:^|[\s;&|(`\"'\[/])(?:uv\s+)?(?:(?:python[\d.]*|\{sys\.executable\})\s+-m\s+)?pip[\d.]*\s+install\s+([^;&|\n)`]*)"
)


def requirement_lines(text: Text) -> Iterator[Item]:
    """What a requirements file asks for."""
    pending, first = "", 0
    for number, raw in text.lines():
        line = raw.rstrip()
        first = first or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1] + " "
            continue
        line = _COMMENT.sub("", pending + line).strip()
        if line:
            yield from _line(line, f"line {first}")
        pending, first = "", 0
    if pending.strip():
        yield from _line(pending.strip(), f"line {first}")


def install_arguments(command: str, where: str) -> Iterator[Item]:
    """What `pip install …` asks for, given what stands after `install`."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        yield Unread(f"`pip install {command[:120]}` does not end", where)
        return
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        name, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in (*_INDEXES, *_EDITABLE, *_FILES) or (not joined and _WITH_VALUE.fullmatch(name)):
            if not joined and position < len(words):
                value, position = words[position], position + 1
            if name in _INDEXES:
                yield Index(_INDEXES[name], value, where)
            elif name in _EDITABLE:
                yield from _editable(value, where)
        elif not word.startswith("-") and not re.search(r"[${}]", word):
            yield requirement(word, where)
        elif not word.startswith("-"):
            yield Unread(f"`{word[:120]}` is only known when it runs", where)


def shell_installs(line: str, where: str) -> Iterator[Item]:
    """Every `pip install` in a line of shell."""
    for match in _PIP.finditer(line[:65536]):
        yield from install_arguments(match[1].strip(), where)


def _line(line: str, where: str) -> Iterator[Item]:
    if not line.startswith("-"):
        yield requirement(_OPTION.sub(" ", line), where)
        return
    name, _, value = re.sub(r"^(--?[\w-]+)(?:\s*=\s*|\s+|$)", "\\1\0", line, count=1).partition("\0")
    short = re.match(r"-([irecf])(\S.*)", line)
    if short and not line.startswith("--"):
        name, value = f"-{short[1]}", short[2]
    value = value.strip().strip("\"'")
    if name in _INDEXES:
        yield Index(_INDEXES[name], value, where)
    elif name in _EDITABLE:
        yield from _editable(value, where)
    elif not value and name not in ("--no-index", "--pre", "--require-hashes", "--prefer-binary"):
        yield Unread(f"`{line[:120]}` is no option of a requirements file", where)


def _editable(value: str, where: str) -> Iterator[Item]:
    if value in (".", "") or re.match(r"\.?\[", value) or value.startswith(("./", "../", ".[")):
        return  # the subject itself
    if is_address(value):
        item = requirement(value, where)
        yield item if isinstance(item, Wanted) else Unread(value[:120], where)
    else:
        yield requirement(value, where)
