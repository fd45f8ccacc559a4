"""What is asked once every file was hashed and scanned: questions over several files, or over data of our own.

    conclude(given, steps) → {step id: Observations}

Rules:
- A step works on digests, on readings that sandboxed scanners left, and on small files that it reads whole within a
  bound; it runs nothing, opens no network, and parses no format that a scanner could have parsed for it.
- A step answers its rules for the files it knows something about. `false` is evidence like any other, and never makes
  a file clean that no scanner could read: `bascule scan` leaves it out of that sum.
- A step that fails is an answer `error`, for the subject as a whole.
"""

from bascule.collect.after.frame import AFTER_KIND, Conclusion, Given, Step, as_loaded, conclude, given_of

__all__ = ["AFTER_KIND", "Conclusion", "Given", "Step", "as_loaded", "conclude", "given_of"]
