"""Which licences are open, and for which type of content they were made.

Rules:
- Open means what the Model Openness Tool takes for open: approved by the OSI, or free to the FSF, or on the tool's own
  list of open data licences; and OpenMDW-1.0, which the tool lists for every type. A licence that is on none of them is
  unknown, and unknown never counts as open.
- The policy pack's row for an id, where it says `open`, comes before the tables here: an organisation may be stricter.
- A licence made for another type of content (MIT on weights, CC-BY on code) is open all the same, as the tool counts
  it; it is only said not to fit.
- Of an expression, `OR` is as open as its best side, `AND` as its worst; an exception only adds permissions, when it is
  called one.

Sources: OSI and FSF marks from the SPDX License List 3.25.0 of 2024-08-19 (CC0-1.0, as packaged in reuse 5.0.2); the
tool's rule from lfai/model_openness_tool `ModelEvaluator.php` at a5f00fad, its open data list from
`Test_Data/Test_Scripts/generate-test-files.py` at 4e94f9c9, its types from `mof-licenses.json` at 30fc6c38 (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ContentType = Literal["code", "data", "document"]


def _ids(words: str) -> frozenset[str]:
    return frozenset(words.split())


OSI_APPROVED = _ids(
    """
    0BSD AAL AFL-1.1 AFL-1.2 AFL-2.0 AFL-2.1 AFL-3.0 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later APL-1.0 APSL-1.0
    APSL-1.1 APSL-1.2 APSL-2.0 Apache-1.1 Apache-2.0 Artistic-1.0 Artistic-1.0-Perl Artistic-1.0-cl8
    Artistic-2.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-LBNL BSL-1.0
    BlueOak-1.0.0 CAL-1.0 CAL-1.0-Combined-Work-Exception CATOSL-1.1 CDDL-1.0 CECILL-2.1 CERN-OHL-P-2.0
    CERN-OHL-S-2.0 CERN-OHL-W-2.0 CNRI-Python CPAL-1.0 CPL-1.0 CUA-OPL-1.0 ECL-1.0 ECL-2.0 EFL-1.0 EFL-2.0
    EPL-1.0 EPL-2.0 EUDatagrid EUPL-1.1 EUPL-1.2 Entessa Fair Frameworx-1.0 GPL-2.0 GPL-2.0+ GPL-2.0-only
    GPL-2.0-or-later GPL-3.0 GPL-3.0+ GPL-3.0-only GPL-3.0-or-later GPL-3.0-with-GCC-exception HPND ICU IPA
    IPL-1.0 ISC Intel Jam LGPL-2.0 LGPL-2.0+ LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1 LGPL-2.1+ LGPL-2.1-only
    LGPL-2.1-or-later LGPL-3.0 LGPL-3.0+ LGPL-3.0-only LGPL-3.0-or-later LPL-1.0 LPL-1.02 LPPL-1.3c LiLiQ-P-1.1
    LiLiQ-R-1.1 LiLiQ-Rplus-1.1 MIT MIT-0 MIT-Modern-Variant MPL-1.0 MPL-1.1 MPL-2.0
    MPL-2.0-no-copyleft-exception MS-PL MS-RL MirOS Motosoto MulanPSL-2.0 Multics NASA-1.3 NCSA NGPL NPOSL-3.0
    NTP Naumen Nokia OCLC-2.0 OFL-1.1 OFL-1.1-RFN OFL-1.1-no-RFN OGTSL OLDAP-2.8 OLFL-1.3 OSET-PL-2.1 OSL-1.0
    OSL-2.0 OSL-2.1 OSL-3.0 PHP-3.0 PHP-3.01 PostgreSQL Python-2.0 QPL-1.0 RPL-1.1 RPL-1.5 RPSL-1.0 RSCPL SISSL
    SPL-1.0 SimPL-2.0 Sleepycat UCL-1.0 UPL-1.0 Unicode-3.0 Unicode-DFS-2016 Unlicense VSL-1.0 W3C W3C-20150513
    Watcom-1.0 Xnet ZPL-2.0 ZPL-2.1 Zlib wxWindows
    """
)
FSF_FREE_SOFTWARE = _ids(
    """
    AGPL-1.0 Apache-1.0 BSD-2-Clause-FreeBSD BSD-2-Clause-NetBSD BSD-3-Clause-Clear BSD-4-Clause BitTorrent-1.1
    CECILL-2.0 CECILL-B CECILL-C ClArtistic Condor-1.1 FSFAP FTL IJG Imlib2 LPPL-1.2 LPPL-1.3a NOSL NPL-1.0
    NPL-1.1 Nunit OFL-1.0 OLDAP-2.3 OLDAP-2.7 OSL-1.1 OpenSSL Ruby SGI-B-2.0 SMLNJ StandardML-NJ Vim WTFPL X11
    XFree86-1.1 YPL-1.1 Zend-2.0 Zimbra-1.3 eCos-2.0 gnuplot iMatix xinetd
    """
)
"""Free to the FSF, not approved by the OSI, and made for software."""
OPEN_DATA = _ids(
    """
    CC0-1.0 CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-2.5-AU CC-BY-3.0 CC-BY-3.0-AT CC-BY-3.0-AU CC-BY-3.0-DE
    CC-BY-3.0-IGO CC-BY-3.0-NL CC-BY-3.0-US CC-BY-4.0 CC-BY-SA-1.0 CC-BY-SA-2.0 CC-BY-SA-2.0-UK CC-BY-SA-2.1-JP
    CC-BY-SA-2.5 CC-BY-SA-3.0 CC-BY-SA-3.0-AT CC-BY-SA-4.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0
    CDLA-Sharing-1.0 ODC-PDDL-1.0 ODC-By-1.0 ODbL-1.0 GFDL-1.3 OGL-Canada-2.0 OGL-UK-2.0 OGL-UK-3.0
    """
) | {"PDDL-1.0"}  # which the tool lists under the name ODC-PDDL-1.0
FREE_DOCUMENTATION = _ids(
    """
    GFDL-1.1 GFDL-1.1-only GFDL-1.1-or-later GFDL-1.2 GFDL-1.2-only GFDL-1.2-or-later GFDL-1.3 GFDL-1.3-only
    GFDL-1.3-or-later
    """
)
ANY_TYPE = frozenset({"OpenMDW-1.0"})

_CREATIVE_COMMONS = frozenset(each for each in OPEN_DATA if each.startswith("CC"))
_MADE_FOR: Mapping[ContentType, frozenset[str]] = {
    "code": OSI_APPROVED | FSF_FREE_SOFTWARE | ANY_TYPE,
    "data": OPEN_DATA | ANY_TYPE,
    "document": _CREATIVE_COMMONS | FREE_DOCUMENTATION | ANY_TYPE | {"Apache-2.0"},
}
_TOKENS = re.compile(r"[()]|[^\s()]+")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is known of a licence. open: None where it is not known. made_for: the types of content that an open licence
    fits."""

    open: bool | None
    osi_approved: bool = False
    made_for: frozenset[ContentType] = frozenset()


UNKNOWN = Terms(open=None)
_MOST_TOKENS = 100
_END = ""


class _UnreadableError(ValueError):
    """Not an expression."""


def terms_of(licence: str | None, classes: Mapping[str, Mapping[str, Any]]) -> Terms:
    """The terms of a licence id or SPDX expression. classes: the policy pack's rows by id.

    Laws: None, an id that no table has and an expression that cannot be read are UNKNOWN; adding `OR` something never
    takes openness away.
    """
    tokens = _TOKENS.findall(licence or "")
    if not tokens or len(tokens) > _MOST_TOKENS:  # words of a card: what nests without end is no licence
        return UNKNOWN
    left = [*reversed(tokens)]
    try:
        terms = _any_of(left, classes)
    except _UnreadableError:
        return UNKNOWN
    return UNKNOWN if left else terms


def _any_of(left: list[str], classes: Mapping[str, Mapping[str, Any]]) -> Terms:
    """Reads from `left`, whose last token comes next, and takes away what it has read."""
    terms = _all_of(left, classes)
    while _next_is(left, "OR"):
        terms = _better(terms, _all_of(left, classes))
    return terms


def _all_of(left: list[str], classes: Mapping[str, Mapping[str, Any]]) -> Terms:
    terms = _one(left, classes)
    while _next_is(left, "AND"):
        terms = _both(terms, _one(left, classes))
    return terms


def _one(left: list[str], classes: Mapping[str, Mapping[str, Any]]) -> Terms:
    head = left.pop() if left else _END
    if head == "(":
        terms = _any_of(left, classes)
        if not _next_is(left, ")"):
            raise _UnreadableError
        return terms
    if head in (_END, ")", "AND", "OR", "WITH"):
        raise _UnreadableError
    if not _next_is(left, "WITH"):
        return _of_id(head, classes)
    exception = left.pop() if left else _END
    # `MIT WITH Commons-Clause` is how a restriction is dressed up as an exception.
    return _of_id(head, classes) if "exception" in exception.lower() else UNKNOWN


def _next_is(left: list[str], token: str) -> bool:
    if left and left[-1] == token:
        left.pop()
        return True
    return False


def _of_id(licence: str, classes: Mapping[str, Mapping[str, Any]]) -> Terms:
    row = classes.get(licence, {})
    made_for = frozenset(kind for kind, ids in _MADE_FOR.items() if licence in ids)
    said = row.get("open")
    is_open = said if isinstance(said, bool) else (True if made_for else None)
    return Terms(
        open=is_open,
        osi_approved=licence in OSI_APPROVED and is_open is True,
        made_for=made_for if is_open else frozenset(),
    )


def _better(one: Terms, other: Terms) -> Terms:
    """A choice: whoever receives it takes the side that permits, so each property is the better of the two."""
    return Terms(
        open=_either(one.open, other.open),
        osi_approved=one.osi_approved or other.osi_approved,
        made_for=one.made_for | other.made_for,
    )


def _both(one: Terms, other: Terms) -> Terms:
    return Terms(
        open=_each(one.open, other.open),
        osi_approved=one.osi_approved and other.osi_approved,
        made_for=one.made_for & other.made_for,
    )


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one is True or other is True:
        return True
    return None if one is None or other is None else False


def _each(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True
