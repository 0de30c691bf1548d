"""The file as a whole: versions, domains, size, and the shapes of its inputs and outputs."""
from typing import Iterator

import onnx

from service.bundle import MAX_FILE_BYTES

from .graph import STANDARD_DOMAINS, Graph
from .rule import Report, rule


@rule('opset')
def opset(graph: Graph) -> Iterator[Report]:
    """An opset newer than those that the target's parser is documented for."""
    target = graph.target
    if not graph.opset:
        yield (graph.whole, 'The file names no version of the standard operators.',
               'Export it again with opset %d.' % target.opset)
    elif graph.opset > target.opset:
        yield (graph.whole, 'Opset %d; %s is made for at most %d and may read newer files wrongly without saying so.'
               % (graph.opset, target.runtime, target.opset),
               'Export it with opset_version=%d; renaming the version does not convert it.' % target.opset)


@rule('ir-version')
def ir_version(graph: Graph) -> Iterator[Report]:
    """A file format newer than the target's parser or its fallback knows."""
    version, limit = graph.model.ir_version, graph.target.ir_version
    if version > limit:
        yield (graph.whole, 'IR version %d; %s and its fall-back ONNX Runtime are made for at most %d.'
               % (version, graph.target.runtime, limit), 'Set model.ir_version = %d before saving.' % limit)


@rule('domain')
def domain(graph: Graph) -> Iterator[Report]:
    """Operators outside the standard, and functions defined in the file."""
    for node in graph.nodes:
        if node.proto.domain not in STANDARD_DOMAINS:
            yield (node.where, 'The operator is of domain %s, and only standard ones run on the device.'
                   % node.proto.domain, 'Write it with standard operators, or move it out of the network.')
    for function in graph.model.functions:
        yield ((function.name, 'Function'), 'The file defines a function of its own, which parsers do not open.',
               'Inline it: onnx.inliner.inline_local_functions(model).')


@rule('domain-import')
def domain_import(graph: Graph) -> Iterator[Report]:
    """Imported domains that no node uses: ONNX Runtime 1.10 refuses such a file."""
    used = {node.proto.domain for node in graph.nodes}
    for entry in graph.model.opset_import:
        if entry.domain not in used and entry.domain not in STANDARD_DOMAINS:
            yield (graph.whole, 'The file imports domain %s %d and uses nothing of it; ONNX Runtime 1.10 refuses it, '
                   'and so does a bundle.' % (entry.domain, entry.version),
                   'Leave only imports in use in model.opset_import.')


@rule('external-data')
def external_data(graph: Graph) -> Iterator[Report]:
    """Weights in other files."""
    for name, tensor in sorted(graph.tensors.items()):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            consumers = graph.consumers(name)
            yield (consumers[0].where if consumers else (name, 'Initializer'),
                   'The weights %s lie in another file, and the service takes a network as one file.' % name,
                   'Save it as one file: onnx.save(model, path) without save_as_external_data.')


@rule('size')
def size(graph: Graph) -> Iterator[Report]:
    """A file larger than a bundle may hold."""
    if graph.size > MAX_FILE_BYTES:
        yield (graph.whole, 'The file has %d bytes, and the service takes at most %d.' % (graph.size, MAX_FILE_BYTES),
               'Take a smaller network, or its fp16 variant.')


#: nvinfer1::Dims::MAX_DIMS, of every release of TensorRT here.
MAX_RANK = 8


@rule('dynamic-shape')
def dynamic_shape(graph: Graph) -> Iterator[Report]:
    """Inputs and outputs without a fixed shape."""
    for kind, values in (('Input', graph.inputs), ('Output', graph.outputs)):
        for value in values:
            shape = graph.shape_of(value.name)
            if shape is None or None in shape:
                yield ((value.name, kind), 'Its shape is %s, and the service runs fixed shapes.' % _shape_text(shape),
                       'Export it without dynamic_axes, at the size that the bundle feeds.')


@rule('batch')
def batch(graph: Graph) -> Iterator[Report]:
    """More than one picture at a time."""
    for value in graph.inputs:
        shape = graph.shape_of(value.name)
        if shape and shape[0] is not None and shape[0] != 1:
            yield ((value.name, 'Input'), 'Its first side is %d, and the service feeds one picture at a time.'
                   % shape[0], 'Export it with batch 1.')


@rule('rank')
def rank(graph: Graph) -> Iterator[Report]:
    """Tensors with more dimensions than TensorRT allows."""
    if graph.target.table is None:
        return
    for node in graph.nodes:
        for name in node.proto.output:
            shape = graph.shape_of(name)
            if shape and len(shape) > MAX_RANK:
                yield (node.where, 'It gives a tensor of %d dimensions, and TensorRT has at most %d.'
                       % (len(shape), MAX_RANK), 'Join dimensions with a Reshape before it.')


def _shape_text(shape):
    if shape is None:
        return 'not stated'
    return 'x'.join('?' if side is None else str(side) for side in shape) or 'that of one number'
