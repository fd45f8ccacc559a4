"""The store: an append-only ledger and content-addressed blobs are the truth; tables are read models over them.

`open_store` gives a `Store`, which speaks in records: evidence, subjects, decisions, waivers, approvals.

Rules:
- What is recorded is a signed envelope; it is verified before it is recorded and again whenever it is read.
- A slot's newest evidence speaks; where it is lost or cannot be verified, the slot is listed and silent, and no older
  envelope ever speaks again.
- What named people signed and what the house decided is given back only while a trusted key vouches for it.
"""

from bascule.store.audit import Fault
from bascule.store.blobs import Blobs, FolderBlobs, MemoryBlobs
from bascule.store.entry import Draft, Entry
from bascule.store.export import verify_export
from bascule.store.heads import Head, read_head
from bascule.store.ledger import Consistency, Inclusion, Ledger
from bascule.store.store import Store, open_store

__all__ = [
    "Blobs",
    "Consistency",
    "Draft",
    "Entry",
    "Fault",
    "FolderBlobs",
    "Head",
    "Inclusion",
    "Ledger",
    "MemoryBlobs",
    "Store",
    "open_store",
    "read_head",
    "verify_export",
]
