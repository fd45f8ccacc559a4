"""The forms in which issuers hand out credentials, each with a literal to look for and a way to check.

Rules: every token of a kind opens with one of its `prefixes`; `pattern` matches the whole token; `check` takes away
what has the form and is none. Where an issuer put a checksum into its tokens, the checksum decides.
Sources: the issuers' own documentation of their formats.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from bascule.builtin.scanners.secrets.doubt import entropy_bits, is_placeholder
from bascule.records import Confidence

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_END = rb"(?![A-Za-z0-9_-])"


@dataclass(frozen=True, slots=True)
class Kind:
    """A form of credential. `near`: a word, lower case, that must stand close by for the form to mean anything."""

    name: str
    prefixes: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    check: Callable[[str], bool]
    confidence: Confidence = Confidence.HIGH
    near: bytes = b""


def checksum_holds(token: str) -> bool:
    """Is the token's tail the CRC-32 of the thirty characters before it, in base 62?

    GitHub and npm build their tokens so: prefix, `_`, 30 random characters, 6 of checksum.
    """
    body = token.partition("_")[2]
    return with_checksum("", body[:-6]) == body


def with_checksum(prefix: str, random: str) -> str:
    """A token with its checksum. Law: checksum_holds(with_checksum("ghp_", r)) for every r of 30 ASCII letters."""
    left = zlib.crc32(random.encode())
    tail = ""
    for _ in range(6):
        left, digit = divmod(left, 62)
        tail = _DIGITS[digit] + tail
    return prefix + random + tail


def _is_checked(value: str) -> bool:
    return checksum_holds(value) and not is_placeholder(value)


def _is_mixed(value: str) -> bool:
    """Digits and letters of both cases, well spread: for forms whose prefix is short."""
    return (
        not is_placeholder(value)
        and re.search(r"\d", value) is not None
        and re.search(r"[a-z]", value) is not None
        and re.search(r"[A-Z]", value) is not None
        and entropy_bits(value) > 3.5
    )


def _is_jwt(value: str) -> bool:
    """A signed JSON web token with claims; the specimen of the standard's web site is none."""
    parts = value.split(".")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, binascii.Error, RecursionError):
        return False
    if not isinstance(header, dict) or not isinstance(claims, dict) or str(header.get("alg", "none")).lower() == "none":
        return False
    return claims.get("sub") != "1234567890" and claims.get("name") != "John Doe"


def _is_no_placeholder(value: str) -> bool:
    return not is_placeholder(value)


def _is_spread(value: str) -> bool:
    return not is_placeholder(value) and entropy_bits(value) > 3.5


def _kind(
    name: str,
    prefixes: str,
    rest: bytes,
    check: Callable[[str], bool] = _is_no_placeholder,
    confidence: Confidence = Confidence.HIGH,
    near: bytes = b"",
) -> Kind:
    literals = tuple(prefix.encode() for prefix in prefixes.split())
    opening = b"|".join(re.escape(literal) for literal in literals)
    pattern = re.compile(rb"(?<![A-Za-z0-9_])(?:" + opening + b")" + rest + rb"(?![A-Za-z0-9_-])")
    return Kind(name, literals, pattern, check, confidence, near)


KINDS: tuple[Kind, ...] = (
    _kind("AWS access key id", "AKIA ASIA ABIA ACCA", rb"[A-Z2-7]{16}"),
    _kind("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"[A-Za-z0-9]{36}", _is_checked),
    _kind("GitHub fine-grained token", "github_pat_", rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _kind("GitLab token", "glpat- gldt- glrt- glptt- glcbt- glft- glsoat-", rb"[\w-]{20,}(?:\.[\w-]{2,})*"),
    _kind("Slack token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", rb"(?:\d-)?\d{8,14}-[\w-]{16,}"),
    _kind("Slack app token", "xapp-", rb"\d-[A-Z0-9]{8,}-\d{8,}-[0-9a-f]{32,}"),
    _kind("Stripe key", "sk_live_ rk_live_", rb"[A-Za-z0-9]{16,}"),
    _kind("Stripe webhook secret", "whsec_", rb"[A-Za-z0-9]{32,}", _is_mixed),
    _kind("Anthropic key", "sk-ant-", rb"[a-z]{3,8}\d{2}-[\w-]{60,}"),
    _kind("OpenAI project key", "sk-proj- sk-svcacct- sk-admin-", rb"[\w-]{40,}", _is_mixed),
    _kind("OpenRouter key", "sk-or-v1-", rb"[0-9a-f]{64}"),
    _kind("OpenAI key", "sk-", rb"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    _kind("API key with `sk-`", "sk-", rb"[A-Za-z0-9]{48}", _is_mixed, Confidence.MEDIUM),
    _kind("Hugging Face token", "hf_", rb"[A-Za-z0-9]{34}", _is_spread),
    _kind("Hugging Face organisation token", "api_org_", rb"[A-Za-z0-9]{34}", _is_spread),
    _kind("Google API key", "AIza", rb"[\w-]{35}"),
    _kind("Google OAuth secret", "GOCSPX-", rb"[\w-]{28}"),
    _kind("Google access token", "ya29.", rb"[\w-]{60,}"),
    _kind("npm token", "npm_", rb"[A-Za-z0-9]{36}", _is_checked),
    _kind("PyPI token", "pypi-AgE pypi-AgI", rb"[\w-]{60,}"),
    _kind("SendGrid key", "SG.", rb"[\w-]{22}\.[\w-]{43}"),
    _kind("Twilio key", "SK", rb"[0-9a-f]{32}", near=b"twilio"),
    _kind("Docker token", "dckr_pat_ dckr_oat_", rb"[\w-]{24,}"),
    _kind("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", rb"[0-9a-f]{64}"),
    _kind("Databricks token", "dapi", rb"[0-9a-f]{32}(?:-\d)?"),
    _kind("NVIDIA key", "nvapi-", rb"[\w-]{60,}"),
    _kind("Groq key", "gsk_", rb"[A-Za-z0-9]{52}"),
    _kind("Replicate token", "r8_", rb"[A-Za-z0-9]{37}", _is_mixed),
    _kind("xAI key", "xai-", rb"[A-Za-z0-9]{70,}"),
    _kind("Perplexity key", "pplx-", rb"[A-Za-z0-9]{40,}", _is_mixed),
    _kind("age key", "AGE-SECRET-KEY-1", rb"[0-9A-Z]{58}"),
    _kind("JSON web token", "eyJ", rb"[\w-]{17,}\.eyJ[\w-]{10,}\.[\w-]{20,}", _is_jwt, Confidence.MEDIUM),
)
