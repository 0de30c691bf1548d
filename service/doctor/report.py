"""What one check of the doctor says."""
from dataclasses import dataclass, field

OK, WARNING, PROBLEM = 'ok', 'warning', 'problem'


@dataclass(frozen=True)
class Report:
    """The answer of one check.

    Attributes:
        name (str): what was looked at, such as ``'camera'``.
        status (str): ``'ok'``, ``'warning'`` (works, will not for long) or ``'problem'``.
        sentence (str): what is there, or what is wrong. The message of a `ThermoscreenError` says in the
            same breath what to do.
        next_step (str): what to do about it, where the sentence does not say.
        facts (dict): details for the JSON report.
    """

    name: str
    status: str
    sentence: str
    next_step: str = ''
    facts: dict = field(default_factory=dict)
