"""Rules, and the violations that they report."""
from dataclasses import asdict, dataclass
from typing import Callable, Dict, Iterable, Iterator, Tuple

from .graph import Graph

#: The target refuses the model, or runs it and silently gives wrong answers.
VIOLATION = 'violation'
#: The target may refuse it; only the board can tell.
WARNING = 'warning'

#: What a rule yields: (node name, operator), reason, remedy.
Report = Tuple[Tuple[str, str], str, str]
Find = Callable[[Graph], Iterator[Report]]


@dataclass(frozen=True)
class Violation:
    """One obstacle between a model and a target.

    Attributes:
        rule: id of the rule that found it, such as ``'constant-input'``.
        severity: `VIOLATION` or `WARNING`.
        node: name of the node, input or output; ``'model'`` for the file as a whole.
        operator: its operator; ``'Input'``, ``'Output'`` or ``'Model'`` where there is none.
        reason: why, one sentence.
        remedy: what to do about it, one sentence.
    """

    rule: str
    severity: str
    node: str
    operator: str
    reason: str
    remedy: str

    def to_dict(self) -> Dict[str, str]:
        """The violation as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: such as ``'opset'``. Stable, because people search for it.
        severity: of everything that it reports.
        find: yields what breaks the rule in a graph.
    """

    id: str
    severity: str
    find: Find

    def check(self, graph: Graph) -> Iterator[Violation]:
        """Violations of this rule in a graph."""
        for (node, operator), reason, remedy in self.find(graph):
            yield Violation(self.id, self.severity, node, operator, reason, remedy)


def rule(name: str, severity: str = VIOLATION) -> Callable[[Find], Rule]:
    """Make the function below a rule; list it in `export.check.model.RULES` as well."""
    return lambda find: Rule(name, severity, find)


def fits(violations: Iterable[Violation]) -> bool:
    """Whether a target takes a model: warnings are allowed, violations are not."""
    return not any(violation.severity == VIOLATION for violation in violations)
