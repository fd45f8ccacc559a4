"""Pickles, read as a program and never run.

A pickle is a program for a small stack machine; what it may do is whatever its calls may do. So the reader is that
machine, with symbols in place of objects: `machine` interprets the opcodes, `effects` says what a call would give
without making it, `names` says what a global really reaches, `verdict` judges each call by its shape against the
lists in `allowed.toml` and `dangerous.toml`, and `places` finds the pickles inside a file.

Rules:
- Whatever either real unpickler (C or Python) accepts is accepted; what both refuse ends the stream with an error.
- Nothing is imported and nothing is called; the answer depends on the bytes and on the lists alone.
- Allowed is a short list of what is known to do no harm; everything else that is called is a remark, never silence.
- Every stream ends within `Budget`; going beyond it is `Malformed`, and what was seen until then is kept.
"""
