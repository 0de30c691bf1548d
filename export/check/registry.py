"""Rules by their id; each is a function that looks at a graph and says where it breaks."""
from dataclasses import dataclass
from typing import Callable

from .violation import VIOLATION, Violation

#: Every rule by its id, in the order in which it is asked.
RULES = {}


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id (str): such as ``'opset'``; stable, since people search for it.
        severity (str): of what it finds.
        find (callable): takes a `Graph`, yields ((node, operator), reason, remedy).
    """

    id: str
    severity: str
    find: Callable

    def check(self, graph):
        """What it finds in a graph, as `Violation`."""
        for (node, operator), reason, remedy in self.find(graph):
            yield Violation(self.id, self.severity, node, operator, reason, remedy)


def rule(name, severity=VIOLATION):
    """Register the function below as a rule.

    Args:
        name (str): its id.
        severity (str): `VIOLATION` or `WARNING`.
    """
    def register(find):
        if name in RULES:
            raise ValueError('two rules are called %s' % name)
        RULES[name] = Rule(name, severity, find)
        return find
    return register
