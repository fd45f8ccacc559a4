"""How complete and how open a release is: the Model Openness Framework's class from verified components, the Open
Source AI Definition, and a self-check of transparency.

Rules: a component counts when it is seen, is what it claims to be and is under a licence known to be open; unknown
never counts; nothing is summed into one score. Completeness is not safety: it never bears on a tier by itself.
Engineering evidence, not legal advice.
"""

from bascule.judge.openness.assess import assess_openness, openness_of
from bascule.judge.openness.components import Component, components_of

__all__ = ["Component", "assess_openness", "components_of", "openness_of"]
