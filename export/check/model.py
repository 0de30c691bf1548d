"""A network or a bundle against one target."""
from typing import Dict, List

import onnx.checker

from export.targets import Target
from service.bundle import Bundle

from . import file_rules, operator_rules, value_rules
from .graph import Graph, read_model
from .rule import VIOLATION, Rule, Violation, fits

#: Every rule by its id, in the order in which violations are listed.
RULES: Dict[str, Rule] = {rule.id: rule for rule in (
    file_rules.external_data, file_rules.size, file_rules.opset, file_rules.ir_version, file_rules.domain,
    file_rules.domain_import, file_rules.dynamic_shape, file_rules.batch, file_rules.rank,
    operator_rules.operator, operator_rules.experimental, operator_rules.control_flow,
    value_rules.io_type, value_rules.operator_type, value_rules.cast_type, value_rules.int64_range,
    operator_rules.constant_input, operator_rules.float_range, operator_rules.input_count,
    operator_rules.output_count, operator_rules.input_rank, operator_rules.attribute, operator_rules.attribute_range,
    operator_rules.attribute_unread, operator_rules.topk_size, operator_rules.einsum, operator_rules.resize_scales,
    operator_rules.resize_dimensions, operator_rules.resize_rounding,
    value_rules.int8, value_rules.zero_point, value_rules.scale, value_rules.quantised_bias,
    operator_rules.argmax,
    value_rules.fp16_overflow, value_rules.fp16_underflow, value_rules.not_finite)}


def check_model(model: bytes, target: Target, name: str = 'The file') -> List[Violation]:
    """Check a network against a target.

    Args:
        model: an ONNX file.
        target: what it should run on.
        name: what to call the file in a message.

    Returns:
        Violations and warnings in the order of `RULES`; `fits` tells whether the target takes the network.

    Raises:
        InputError: ``onnx-unreadable``.
    """
    graph = Graph(read_model(model, name), target, len(model))
    violations = [violation for rule in RULES.values() for violation in rule.check(graph)]
    # A rule explains a fault better than the standard's checker, which therefore comes last.
    return violations + _invalid(graph) if fits(violations) else violations


def check_bundle(bundle: Bundle, target: Target) -> Dict[str, List[Violation]]:
    """Check every variant of a bundle against a target.

    A bundle suits a target when one of its variants does, because the board chooses that one: a Nano refuses int8-qdq
    and takes the others.

    Returns:
        Violations by the name of the variant, ``'fp32'`` first.

    Raises:
        BundleError: a file changed after the bundle was opened.
        InputError: ``onnx-unreadable``.
    """
    return {name: check_model(bundle.read_model(name), target, variant.file)
            for name, variant in bundle.variants.items()}


def _invalid(graph: Graph) -> List[Violation]:
    try:
        onnx.checker.check_model(graph.model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = ' '.join(str(error).split('==>')[0].split())[:200]
        return [Violation('valid', VIOLATION, graph.whole[0], graph.whole[1],
                          'The ONNX checker refuses the file: %s.' % reason,
                          'Export it again; a tool that edited the graph may have left it inconsistent.')]
    return []
