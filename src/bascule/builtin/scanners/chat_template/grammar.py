"""From a template's source to its syntax tree, by Jinja's parser alone: nothing is compiled, nothing is rendered.

The grammar is that of the loaders: trimmed blocks, loop controls, and the `generation` tag that marks what an assistant
said. `do` is taken too, because other engines have it.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from bascule.plugins.readers import Malformed

LIMIT_CHARS = 1 << 20
LIMIT_NODES = 200_000


class NotATemplate(Malformed):
    """Jinja refuses the text: no loader renders it."""


class _Generation(Extension):
    """`{% generation %} … {% endgeneration %}`: its body, as if the tags were not there."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


# Autoescape does not matter: it acts when rendering.
_ENVIRONMENT = Environment(  # noqa: S701
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=[_Generation, "jinja2.ext.loopcontrols", "jinja2.ext.do"],
    optimized=False,
    cache_size=0,
)


def parse(source: str) -> nodes.Template:
    """The syntax tree. Raises `NotATemplate` when there is none, `Malformed` when it is larger than can be judged."""
    if len(source) > LIMIT_CHARS:
        raise Malformed(f"template of {len(source)} characters, more than the {LIMIT_CHARS} that are read")
    try:
        # Not `Environment.parse`: to dress a syntax error up, that executes a line of code of its own making.
        tree = Parser(_ENVIRONMENT, source).parse()
        count = sum(1 for _ in walk(tree))
    except TemplateSyntaxError as error:
        raise NotATemplate(f"line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise Malformed("nests deeper than the parser follows") from error
    except (ValueError, OverflowError) as error:
        raise Malformed(f"a literal cannot be read: {error}") from error
    if count > LIMIT_NODES:
        raise Malformed(f"template of {count} nodes, more than the {LIMIT_NODES} that are judged")
    return tree


def walk(root: nodes.Node) -> Iterator[nodes.Node]:
    """A node and all below it, in source order, without recursion."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(node.iter_child_nodes())))
