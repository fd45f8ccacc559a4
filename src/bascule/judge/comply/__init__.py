"""Frameworks as dated data: what a law, standard or form asks, and how a subject stands on each of its controls."""

from bascule.judge.comply.desk import DECISION_FACTS, Desk
from bascule.judge.comply.evaluate import Answered, answer
from bascule.judge.comply.framework import Control, Framework
from bascule.judge.comply.parse import parse_framework

__all__ = ["DECISION_FACTS", "Answered", "Control", "Desk", "Framework", "answer", "parse_framework"]
