"""What a repository documents about itself, in its own words: the answers that forms, cards and registers ask for.

Rules: one reading for each thing, from the best place that says it, so that two places never make it unknown; words are
short extracts and stay declared, what follows from a configuration is measured; a placeholder says nothing; nothing is
worked out, guessed or looked up. Whether the words are true is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bascule.builtin.scanners.documentation.cases import documentation_examples
from bascule.builtin.scanners.documentation.claim import Claim
from bascule.builtin.scanners.documentation.gather import READS, gather, speaker
from bascule.builtin.scanners.documentation.names import NAMES
from bascule.plugins.kinds import Listed, ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity
from bascule.plugins.readers import Malformed


class Documentation:
    """Reads everything when it is shown the file that speaks for the subject, and nothing at any other."""

    meta = Meta(
        id="documentation",
        title="Documentation",
        reads=READS,
        readings=tuple(Quantity(f"doc.{name}", description) for name, description in NAMES.items()),
        ttl_days=365,
        limits=(
            "what a repository says is repeated, not verified",
            "English headings are known, and no others; a PDF is not read",
            "a file beside the card that cannot be read says nothing here: the scanner of its format tells",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return documentation_examples()

    def __init__(self) -> None:
        self._speaker: tuple[Sequence[Listed], str | None] = ((), None)

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if self._speaker[0] is not file.listing:  # found once a subject, and not once a file
            self._speaker = (file.listing, speaker(file.listing))
        if self._speaker[1] != file.path:
            return
        chosen: dict[str, Claim] = {}
        fault: Malformed | None = None
        try:
            for claim in gather(file):
                chosen.setdefault(claim.name, claim)
        except Malformed as error:
            fault = error  # told after what could be read
        yield from (chosen[name].reading() for name in NAMES if name in chosen)
        if fault is not None:
            raise fault


plugin = Documentation()
