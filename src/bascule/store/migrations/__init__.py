"""Steps from one schema to the next, run by `bascule.store.database` under the ledger's lock.

Rules: a step is never edited once released; the truth's tables only gain columns; a read model may be dropped and made
anew, because it is replayed afterwards.
"""
