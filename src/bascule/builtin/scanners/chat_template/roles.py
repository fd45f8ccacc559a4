"""Does a system message reach the model at all?

The template is walked as it would run for a message whose role is `system`: tests on the role are decided, all others
may go either way. Where no walk puts out the message's content, hands it to a variable that is used, or refuses with an
exception, an operator's instructions would be thrown away without a word.

Rule: only a template that tests for the role is asked; one that never heard of system messages hides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from jinja2 import nodes

from bascule.builtin.scanners.chat_template.grammar import walk

_ROLE = "system"


def drops_system_messages(tree: nodes.Template) -> int:
    """The line of the first test for a system message when no such message is ever passed on; else 0."""
    walker = _Walker(tree)
    tests = [
        node
        for node in walk(tree)
        if (isinstance(node, nodes.Compare) and walker.names_system(node))
        or (isinstance(node, nodes.Filter) and _leaves_out_system(node))
    ]
    if not tests or walker.passes_on(tree.body):
        return 0
    return min(node.lineno for node in tests)


class _Walker:
    def __init__(self, tree: nodes.Template) -> None:
        self._used = {node.name for node in walk(tree) if isinstance(node, nodes.Name) and node.ctx == "load"}
        self._roles = {
            node.target.name
            for node in walk(tree)
            if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name) and reads_role(node.node)
        }
        self._sifted = {
            node.target.name
            for node in walk(tree)
            if isinstance(node, nodes.Assign)
            and isinstance(node.target, nodes.Name)
            and _is_sifted(node.node, frozenset())
        }
        self._loops = {
            name.name
            for node in walk(tree)
            if isinstance(node, nodes.For | nodes.Macro)
            for target in ([node.target] if isinstance(node, nodes.For) else node.args)
            for name in walk(target)
            if isinstance(name, nodes.Name)
        }

    def names_system(self, node: nodes.Compare) -> bool:
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        return any(self._is_role(side) for side in sides) and any(
            isinstance(inner, nodes.Const) and inner.value == _ROLE for side in sides for inner in walk(side)
        )

    def passes_on(self, body: Iterable[nodes.Node]) -> bool:
        return any(self._statement(node) for node in body)

    def _statement(self, node: nodes.Node) -> bool:
        if isinstance(node, nodes.If):
            return self._branch(node)
        if isinstance(node, nodes.For):
            skipped = (node.test is not None and self._decide(node.test) is False) or _is_sifted(
                node.iter, self._sifted
            )
            return (not skipped and self.passes_on(node.body)) or self.passes_on(node.else_)
        if isinstance(node, nodes.Output):
            return any(self._carries(part) for part in node.nodes)
        if isinstance(node, nodes.Assign):
            # A slice of the messages is carried on only where a loop over it puts something out.
            target = node.target
            name = target.name if isinstance(target, nodes.Name | nodes.NSRef) else ""
            return (not name or name in self._used) and self._carries(node.node, bare=False)
        if isinstance(node, nodes.Macro | nodes.CallBlock | nodes.FilterBlock | nodes.AssignBlock | nodes.With):
            return self.passes_on(node.body)
        if isinstance(node, nodes.ExprStmt):
            return self._carries(node.node)
        return any(self._statement(child) for child in node.iter_child_nodes() if isinstance(child, nodes.Stmt))

    def _branch(self, node: nodes.If) -> bool:
        for test, body in ((node.test, node.body), *((branch.test, branch.body) for branch in node.elif_)):
            decided = self._decide(test)
            if decided is not False and self.passes_on(body):
                return True
            if decided is True:
                return False
        return self.passes_on(node.else_)

    def _carries(self, node: nodes.Node, bare: bool = True) -> bool:
        """Does this expression hold a message's content, the whole message, or a refusal?"""
        if isinstance(node, nodes.CondExpr):
            decided = self._decide(node.test)
            branches = [
                branch
                for branch, unless in ((node.expr1, False), (node.expr2, True))
                if branch is not None and decided is not unless
            ]
            return any(self._carries(branch, bare) for branch in branches)
        if isinstance(node, nodes.Filter) and _maps_content(node):
            return not _is_sifted(node, self._sifted)
        if isinstance(node, nodes.Getattr):
            return node.attr in _CARRIED or (node.attr not in _ASIDE and self._carries(node.node, bare=False))
        if isinstance(node, nodes.Getitem):
            key = node.arg.value if isinstance(node.arg, nodes.Const) else None
            return key in _CARRIED or (key not in _ASIDE and self._carries(node.node, bare=False))
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "raise_exception":
            return True
        if isinstance(node, nodes.Name):
            return bare and (node.name in self._loops or node.name == "messages")
        if isinstance(node, nodes.Compare | nodes.Test):
            return False
        return any(self._carries(child, bare or isinstance(node, nodes.Call)) for child in node.iter_child_nodes())

    def _decide(self, test: nodes.Node) -> bool | None:
        """A test's answer for a message whose role is `system`; None when the role does not decide it."""
        if isinstance(test, nodes.Not):
            inner = self._decide(test.node)
            return None if inner is None else not inner
        if isinstance(test, nodes.And | nodes.Or):
            sides = (self._decide(test.left), self._decide(test.right))
            ends = isinstance(test, nodes.Or)
            if ends in sides:
                return ends
            return None if None in sides else not ends
        if isinstance(test, nodes.Compare) and len(test.ops) == 1:
            return self._compare(test.expr, test.ops[0].op, test.ops[0].expr)
        return None

    def _compare(self, left: nodes.Expr, operator: str, right: nodes.Expr) -> bool | None:
        if operator in ("eq", "ne") and self._is_role(right):
            left, right = right, left
        if not self._is_role(left):
            return None
        if operator in ("eq", "ne") and isinstance(right, nodes.Const):
            return (right.value == _ROLE) is (operator == "eq")
        if operator in ("in", "notin") and isinstance(right, nodes.List | nodes.Tuple):
            values = [item.value if isinstance(item, nodes.Const) else None for item in right.items]
            return None if None in values else (_ROLE in values) is (operator == "in")
        return None

    def _is_role(self, node: nodes.Node) -> bool:
        return reads_role(node) or (isinstance(node, nodes.Name) and node.name in self._roles)


def _is_sifted(iterated: nodes.Node, sifted: Set[str]) -> bool:
    """Is this a list of messages that a filter took the system message out of?"""
    node: nodes.Node | None = iterated
    while isinstance(node, nodes.Filter):
        if _leaves_out_system(node):
            return True
        node = node.node
    return isinstance(node, nodes.Name) and node.name in sifted


def _maps_content(node: nodes.Filter) -> bool:
    """`messages | … | map(attribute="content")`."""
    named = [pair.value for pair in node.kwargs if pair.key == "attribute"]
    return node.name == "map" and any(isinstance(name, nodes.Const) and name.value in _CARRIED for name in named)


def _leaves_out_system(node: nodes.Filter) -> bool:
    """`rejectattr('role', '==', 'system')`, or `selectattr` with a test that a system message fails."""
    if node.name not in ("rejectattr", "selectattr") or len(node.args) < 3:
        return False
    attribute, test, operand = node.args[:3]
    if not (isinstance(attribute, nodes.Const) and attribute.value == "role" and isinstance(test, nodes.Const)):
        return False
    items = operand.items if isinstance(operand, nodes.List | nodes.Tuple) else [operand]
    values = [item.value if isinstance(item, nodes.Const) else None for item in items]
    if None in values or test.value not in _HOLDS:
        return False
    holds = (_ROLE in values) is _HOLDS[test.value]
    return holds is (node.name == "rejectattr")


_HOLDS = {"==": True, "eq": True, "equalto": True, "in": True, "!=": False, "ne": False}
_CARRIED = {"content", "text", "prompt"}
_ASIDE = {"role", "type", "name", "length", "tool_calls"}


def reads_role(node: nodes.Node) -> bool:
    """Is this a message's role, possibly filtered?"""
    if isinstance(node, nodes.Filter) and node.node is not None:
        return reads_role(node.node)
    if isinstance(node, nodes.Getattr):
        return node.attr == "role"
    return isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and node.arg.value == "role"
