"""One network against one target."""
import onnx.checker

from . import rules  # noqa: F401 - registers them
from .graph import Graph
from .read import read_model
from .registry import RULES
from .violation import VIOLATION, Violation, fits


def check_model(model, target, name='The file'):
    """What stands between a network and a target.

    Args:
        model (bytes): an ONNX file.
        target (export.targets.Target): what it shall run on.
        name (str): what to call the file in a message.

    Returns:
        list of Violation: in the order of the rules; violations and warnings mixed. Empty where there is nothing
        to say. `fits` tells whether the target takes it.

    Raises:
        InputError: ``onnx-unreadable``.
    """
    graph = Graph(read_model(model, name), target, len(model))
    found = [violation for rule in RULES.values() for violation in rule.check(graph)]
    # The standard's own checker speaks of all else, and only where no rule explains better what is wrong.
    return found + _invalid(graph) if fits(found) else found


def _invalid(graph):
    try:
        onnx.checker.check_model(graph.model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = ' '.join(str(error).split('==>')[0].split())[:200]
        return [Violation('valid', VIOLATION, *graph.whole, 'The ONNX checker refuses the file: %s.' % reason,
                          'Export it again; a tool that edited the graph may have left it inconsistent.')]
    return []
