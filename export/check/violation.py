"""What a check finds: a node, why the target will not take it, and what to do."""
from dataclasses import asdict, dataclass

#: A violation: the target does not take the model, or answers wrongly without saying so.
VIOLATION = 'violation'
#: A warning: it may, and the board decides.
WARNING = 'warning'


@dataclass(frozen=True)
class Violation:
    """One thing that stands between a model and a target.

    Attributes:
        rule (str): id of the rule that found it, such as ``'constant-input'``.
        severity (str): `VIOLATION` or `WARNING`.
        node (str): name of the node, or of the input or output; ``'model'`` for the file as a whole.
        operator (str): its operator; ``'Input'``, ``'Output'`` or ``'Model'`` where it is none.
        reason (str): why, one sentence.
        remedy (str): what to do, one sentence.
    """

    rule: str
    severity: str
    node: str
    operator: str
    reason: str
    remedy: str

    def to_dict(self):
        """The violation as JSON."""
        return asdict(self)


def fits(violations):
    """Whether a target takes a model: no `VIOLATION` among what was found."""
    return not any(violation.severity == VIOLATION for violation in violations)
