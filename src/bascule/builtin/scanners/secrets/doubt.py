"""Reasons to think that something of a secret's shape is none: placeholders, words, hashes, code.

Precision comes first: whoever is shown ninety false alarms will not read the one true one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

# What people write where a key would stand. A random key of forty characters holds one of these once in ten thousand.
_PLACEHOLDER = re.compile(
    r"example|sample|dummy|fake|place.?holder|redacted|change.?me|insert|replace|your|xxxx|\*\*\*|\.\.\.|<|>|\$\{|\{\{"
    r"|1234567|abcdef(?!\d)|qwerty|deadbeef|a1b2c3|(.)\1{5,}",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"password|passwd|passphrase|secret|token|api.?key|credential|default|test|foo|bar|todo|none|null|undefined|true|false"
    r"|admin|guest|user|hunter2|letmein|hello|world|enter|here|1234|mypass|demo|temp",
    re.IGNORECASE,
)
# Code, templates and paths, where a value would be.
_CODE = re.compile(
    r"[(){}\[\]<>|`,;]|\$|%[sd(]|::|://|\\|^\.{0,2}/|^--|\.(?:get|env|environ|json|py|txt|com|org|ya?ml)\b"
)


def entropy_bits(value: str) -> float:
    """Shannon entropy per character of a string's own letter frequencies, in bits; 0 for the empty string."""
    if not value:
        return 0.0
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def is_placeholder(value: str) -> bool:
    """Does an issuer's token spell that it is none, or run in sequence like `abcdefgh`?"""
    if _PLACEHOLDER.search(value):
        return True
    steps = sum(1 for one, two in pairwise(value) if ord(two) - ord(one) in (0, 1))
    return steps * 2 > len(value) or entropy_bits(value) < 2.5


def is_doubtful_key(value: str) -> bool:
    """Is this no random key of sixteen characters or more, but a name, a hash's label, code or a placeholder?"""
    if len(value) < 16 or is_placeholder(value) or _WORDS.search(value) or not re.fullmatch(r"[\w+/=.~-]+", value):
        return True
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return True
    if re.fullmatch(r"[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}", value):
        return True  # an identifier far more often than a key
    if re.fullmatch(r"[\da-fA-F]{1,31}|0x[\da-fA-F]+", value):
        return True  # a number or a short digest
    if re.match(r"(?:sha(?:1|256|384|512)|md5|blake\w*)[-:]", value) or re.search(r"\.(?:\w{1,5})$", value):
        return True
    # Words joined by marks, such as `text-embedding-3-large-2024`, and dotted names.
    if re.fullmatch(r"(?:[A-Za-z]{2,}|\d{1,4}|v\d+)(?:[-_./:](?:[A-Za-z]{2,}|\d{1,4}|v\d+))+", value):
        return True
    return entropy_bits(value) < 3.0


def is_doubtful_password(value: str) -> bool:
    """Is this no password that a person or a generator set, but a word, code or a placeholder?"""
    if not 8 <= len(value) <= 128 or is_placeholder(value) or _WORDS.search(value) or _CODE.search(value):
        return True
    classes = sum(1 for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s]") if re.search(kind, value))
    if classes < 2 or not re.search(r"[\d\W]", value):
        return True
    if re.fullmatch(r"[A-Za-z]+(?:[-_. :/][A-Za-z]+)*[.:!?]?", value):
        return True
    return entropy_bits(value) < 2.6
