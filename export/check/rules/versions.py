"""Opset, IR version and domains: what a parser reads in part, and says nothing, where it is too new."""
from ..read import STANDARD_DOMAINS
from ..registry import rule


@rule('opset')
def opset(graph):
    """An opset that the target's parser is not documented for."""
    target = graph.target
    if not graph.opset:
        yield (graph.whole, 'The file names no version of the standard operators.',
               'Export it again with opset %d.' % target.opset)
    elif graph.opset > target.opset:
        yield (graph.whole, 'Opset %d; %s is made for at most %d and may read newer files wrongly without saying so.'
               % (graph.opset, target.runtime, target.opset),
               'Export it with opset_version=%d; renaming the version does not convert it.' % target.opset)


@rule('ir-version')
def ir_version(graph):
    """A file format that the target's parser or its fall-back does not know."""
    found, limit = graph.model.ir_version, graph.target.ir_version
    if found > limit:
        yield (graph.whole, 'IR version %d; %s and its fall-back ONNX Runtime are made for at most %d.'
               % (found, graph.target.runtime, limit), 'Set model.ir_version = %d before saving.' % limit)


@rule('domain')
def domain(graph):
    """Operators outside the standard, and functions that the file defines for itself."""
    for node in graph.nodes:
        if node.proto.domain not in STANDARD_DOMAINS:
            yield (node.where, 'The operator is of domain %s, and only standard ones run on the device.'
                   % node.proto.domain, 'Write it with standard operators, or move it out of the network.')
    for function in graph.model.functions:
        yield ((function.name, 'Function'), 'The file defines a function of its own, which parsers do not open.',
               'Inline it: onnx.inliner.inline_local_functions(model).')


@rule('domain-import')
def domain_import(graph):
    """Domains that are named and not used: ONNX Runtime 1.10 refuses the file for them."""
    used = {node.proto.domain for node in graph.nodes}
    for entry in graph.model.opset_import:
        if entry.domain not in used and entry.domain not in STANDARD_DOMAINS:
            yield (graph.whole, 'The file imports domain %s %d and uses nothing of it; ONNX Runtime 1.10 refuses it, '
                   'and so does a bundle.' % (entry.domain, entry.version),
                   'Leave only imports in use in model.opset_import.')
