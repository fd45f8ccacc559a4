"""Taking a subject in: from what a source brought to a list of files that can be opened safely.

    take_in(fetched, workspace, limits) → Inventory(entries, notes)      open_entry(inventory, entry) → descriptor

Rules: nothing is followed, nothing is executed, nothing is read beyond its first 64 KiB; whatever is not a regular
file becomes a note, and a note blocks when what was left out could hide something.
"""

from bascule.collect.intake.inventory import Entry, IntakeLimits, Inventory, open_entry
from bascule.collect.intake.take import take_in

__all__ = ["Entry", "IntakeLimits", "Inventory", "open_entry", "take_in"]
