"""Bascule: collect evidence about an AI model, judge it, act on the judgement; what the act shows is new evidence.

The nouns live in `bascule.records`, the order of things in `bascule.journeys`, and everything that can be
added without editing an existing file in `bascule.plugins` (the frame) and `bascule.builtin` (ours).
"""

__version__ = "0.1.0"
