"""The judge: facts from evidence, risk as intervals, policy in three values, one decision. Pure: no clock, no disk, no
network.
"""

from bascule.judge.context import merge_context
from bascule.judge.decide import judge
from bascule.judge.people import ApprovalState, Waivers, approval_state, usable_waivers
from bascule.judge.question import METHOD_VERSION, Judgement, Question, Vocabulary

__all__ = [
    "METHOD_VERSION",
    "ApprovalState",
    "Judgement",
    "Question",
    "Vocabulary",
    "Waivers",
    "approval_state",
    "judge",
    "merge_context",
    "usable_waivers",
]
