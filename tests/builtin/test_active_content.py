"""Scripts in what is shown, and XML that reaches out, are told; tables, pictures and plain models are not."""

from __future__ import annotations

import json

import pytest

from bascule.builtin.scanners.active_content import notebook, plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Outcome, Severity


def findings(path: str, data: bytes) -> list[Finding]:
    return [item for item in scan_memory(plugin, {path: data}).seen if isinstance(item, Finding)]


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


ACTIVE = {
    "a script": "<script>x()</script>",
    "a script in any case": "<ScRiPt src=//a.invalid/x.js>",
    "a handler": "<img src=x onerror=x()>",
    "a handler without a blank": '<svg/onload="x()">',
    "an address": '<a href="java\tscript:x()">y</a>',
    "an address by entities": '<a href="&#106;avascript:x()">y</a>',
    "a redirection": '<meta http-equiv="refresh" content="0;url=//a.invalid">',
    "an unclosed tag": "<img src=x onerror=x() ",
}


@pytest.mark.parametrize("name", ACTIVE)
def test_what_runs_in_an_output_is_told_with_its_cell(name: str) -> None:
    (told,) = findings("a.ipynb", notebook({"text/html": ACTIVE[name]}))
    assert told.severity == Severity.MEDIUM
    assert told.location.startswith("cell 1 output text/html")


def test_an_output_of_a_script_is_told_whatever_it_holds() -> None:
    (told,) = findings("a.ipynb", notebook({"application/javascript": ["x", "()"]}))
    assert told.severity == Severity.MEDIUM


def test_a_markdown_cell_is_shown_too() -> None:
    cell = {"cell_type": "markdown", "source": ["# A\n", "<script>x()</script>"]}
    (told,) = findings("a.ipynb", json.dumps({"cells": [cell]}).encode())
    assert told.location == "cell 1 line 2"


def test_a_plot_weighs_less() -> None:
    (told,) = findings("a.ipynb", notebook({"text/html": "<script>Plotly.newPlot()</script>"}))
    assert told.severity == Severity.LOW


@pytest.mark.parametrize(
    "html",
    [
        "<table border=1 class=dataframe><tr><th>one</th></tr></table>",
        '<a href="https://a.invalid"><img src="https://a.invalid/badge.svg"></a>',
        "<style scoped>.dataframe {vertical-align: top}</style>",
        '<script type="application/json">{}</script>',
        "x < y and y > z; onset = 3",
    ],
)
def test_ordinary_output_is_nothing(html: str) -> None:
    assert findings("a.ipynb", notebook({"text/html": html, "text/plain": "<script>"})) == []


REACHES = {
    "an external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
    "a parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://a.invalid/x"> %x;]><a/>',
    "a document type elsewhere": b'<!DOCTYPE a SYSTEM "http://a.invalid/x.dtd"><a/>',
    "an unfolding": b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;">]><a>&y;</a>',
    "an inclusion": b'<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="/etc/hostname"/></a>',
    "an extension": b'<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" '
    b'xmlns:j="http://xml.apache.org/xalan/java"><j:run/></x:stylesheet>',
    "a library": b'<net name="m"><layers><layer type="Custom" library="./evil.so"/></layers></net>',
    "a script": b"<PMML><Extension><script>x()</script></Extension></PMML>",
}


@pytest.mark.parametrize("name", REACHES)
def test_xml_that_reaches_out_is_told(name: str) -> None:
    report = scan_memory(plugin, {"model.xml": REACHES[name]})
    assert report.answers["xml-reaches-out"] == Outcome.TRUE


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?><net name="m" version="11"><layers><layer id="0" type="Parameter"/></layers></net>',
        b'<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Extension name="x" value="1"/></PMML>',
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg/>',
        b'<!DOCTYPE a [<!ENTITY n "one">]><a>&n;</a>',
    ],
)
def test_plain_models_and_pictures_are_nothing(data: bytes) -> None:
    assert findings("model.xml", data) == []


def test_a_picture_with_a_script_is_active_not_reaching() -> None:
    report = scan_memory(plugin, {"a.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'})
    assert report.answers == {"active-content": Outcome.TRUE, "xml-reaches-out": Outcome.FALSE}


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("inside", [b"<a>&z;</a>", b'<a b="&z;"/>'])
def test_a_bomb_is_told_and_not_unfolded(inside: bytes) -> None:
    names = [chr(97 + n).encode() for n in range(26)]
    bomb = b"".join(b'<!ENTITY %b "%b">' % (n, b"&%b;" % names[i - 1] * 10 if i else b"x") for i, n in enumerate(names))
    assert findings("a.xml", b"<!DOCTYPE a [" + bomb + b"]>" + inside)[0].rule == "xml-reaches-out"


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("data", [b"<a>" * 100_000, b"<" * 100_000, b"<a " + b"b='1' " * 50_000])
def test_broken_xml_ends_as_an_error(data: bytes) -> None:
    assert scan_memory(plugin, {"a.xml": data}).answers["xml-reaches-out"] == Outcome.ERROR


def test_a_card_is_shown_as_a_page_but_for_its_code() -> None:
    (told,) = findings("README.md", b"# A\n```html\n<script>x()</script>\n```\n`<script>`\n<img src=x onerror=x()>\n")
    assert told.location == "line 6"


@pytest.mark.parametrize(
    ("value", "answer"),
    [("java.lang.Runtime.getRuntime().exec(&quot;id&quot;)", "true"), ("os.system(1)", "true"), ("weight 12", "false")],
)
def test_a_pmml_extension_that_is_a_program_is_told(value: str, answer: str) -> None:
    document = f"<PMML version='4.4'><Extension name='script' value='{value}'/></PMML>"
    assert scan_memory(plugin, {"m.pmml": document.encode()}).answers["xml-reaches-out"] == answer
