"""A graph as kernels: what TensorRT fuses, by the rules that its own lists of layers show.

The lists are those of TensorRT 8.0.1 on a Jetson Nano (github.com/NobuoTsukamoto/benchmarks): ``Conv + Relu``,
``Conv + Add``, ``Conv + Add + Relu``, ``PWN(...)`` of neighbouring element-wise layers, a ``copy`` for every input of a
concatenation, and pools, resizes and shuffles alone. Convolutions that TensorRT runs side by side (``||``) stay two.
"""
import math
from dataclasses import dataclass, replace
from typing import Dict, List, Tuple

from export.check.graph import Graph

from .kernel import Kernel

#: Operators that do nothing at run time: a tensor gets another name or shape.
_FREE = frozenset({'Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Dropout'})

#: Arithmetic on weights; following operators may be fused into it.
_ANCHORS = frozenset({'Conv', 'ConvTranspose', 'Gemm', 'MatMul'})

#: Element-wise operators: neighbours become one kernel (TensorRT's PointWise fusion).
_ELEMENTWISE = frozenset({
    'Abs', 'Add', 'And', 'BatchNormalization', 'Cast', 'Ceil', 'Clip', 'Div', 'Elu', 'Equal', 'Erf', 'Exp', 'Floor',
    'Greater', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Less', 'Log', 'Max', 'Min', 'Mul', 'Neg', 'Not', 'Or', 'Pow',
    'PRelu', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Sigmoid', 'Softplus', 'Sqrt', 'Sub', 'Sum', 'Tanh', 'Where'})

_POOLS = frozenset({'MaxPool', 'AveragePool'})

#: Reductions over a row, channel or map.
_REDUCTIONS = frozenset({
    'ArgMax', 'ArgMin', 'GlobalAveragePool', 'GlobalMaxPool', 'InstanceNormalization', 'LogSoftmax', 'LpNormalization',
    'ReduceL1', 'ReduceL2', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum', 'Softmax', 'TopK',
    'LRN'})

_SUPPRESSIONS = frozenset({'NonMaxSuppression', 'EfficientNMS_TRT', 'BatchedNMS_TRT'})

#: Activations that TensorRT 8 fuses into a convolution; every other one is a separate kernel.
_FUSED_ACTIVATIONS = frozenset({'Relu', 'Clip'})


class UnknownShapeError(Exception):
    """The shape of a tensor is not fixed; the message is its name."""


@dataclass(frozen=True)
class FusedNetwork:
    """A network as kernels.

    Attributes:
        kernels: each with count 1, in the order of their first layers.
        flows: names of the tensors that each kernel reads and writes, without constants. A tensor that was only
            renamed or reshaped appears under its first name.
        sizes: elements of every tensor in `flows`.
        inputs, outputs: tensors among them that come from and go to the caller.
        unknown: operators that the model does not know; they count as memory traffic.
    """

    kernels: List[Kernel]
    flows: List[Tuple[Tuple[str, ...], Tuple[str, ...]]]
    sizes: Dict[str, int]
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    unknown: Tuple[str, ...]


def fuse(graph: Graph) -> FusedNetwork:
    """Fuse a graph.

    Raises:
        UnknownShapeError: a shape that matters is not fixed.
    """
    return _Fusion(graph).run()


def _with_separable(kernels, flows):
    """Mark 1x1 convolutions beside a depthwise one: they gain next to nothing from FP16."""
    near = {name for kernel, flow in zip(kernels, flows) if kernel.kind == 'depthwise' for names in flow
            for name in names}
    return [replace(kernel, kind='separable') if kernel.kind == 'pointwise' and near.intersection(reads + writes)
            else kernel for kernel, (reads, writes) in zip(kernels, flows)]


class _Fusion:
    def __init__(self, graph):
        self.graph = graph
        self.order = {id(node): place for place, node in enumerate(graph.nodes)}
        self.outputs = {value.name for value in graph.outputs}
        self.folded, self.taken, self.kernels, self.unknown = set(), set(), [], set()

    def run(self):
        self._fold()
        for node in self.graph.nodes:
            if node.operator in _ANCHORS and not self._is_folded(node):
                self._anchor(node)
        for node in self.graph.nodes:
            if id(node) not in self.taken and not self._is_folded(node):
                self._other(node)
        ordered = sorted(self.kernels, key=lambda entry: entry[0])
        flows = [(self._original_names(reads), self._original_names(writes)) for _, _, reads, writes in ordered]
        # A plugin's results have no shape here.
        inputs, outputs = (self._original_names([value.name for value in values if self._is_known(value.name)])
                           for values in (self.graph.inputs, self.graph.outputs))
        names = {name for flow in flows for names in flow for name in names}.union(inputs, outputs)
        kernels = _with_separable([kernel for _, kernel, _, _ in ordered], flows)
        return FusedNetwork(kernels, flows, {name: self._size(name) for name in names}, inputs, outputs,
                            tuple(sorted(self.unknown)))

    def _original_names(self, names):
        """Names without constants, each as it was before the tensor was only renamed or reshaped."""
        originals: Dict[str, None] = {}
        for name in names:
            producer = self.graph.producer(name)
            while producer is not None and producer.proto.op_type in _FREE:
                name = producer.input(0)
                producer = self.graph.producer(name)
            if name and not self._is_constant(name):
                originals[name] = None
        return tuple(originals)

    # -- what the builder computes once

    def _fold(self):
        """Mark constants, shapes, and everything that depends on them alone."""
        for node in self.graph.nodes:
            inputs = [name for name in node.proto.input if name]
            if node.operator in ('Constant', 'Shape') or inputs and all(map(self._is_constant, inputs)):
                self.folded.update(node.proto.output)

    def _is_constant(self, name):
        return name in self.folded or self.graph.is_constant(name)

    def _is_folded(self, node):
        return any(name in self.folded for name in node.proto.output)

    # -- sizes

    def _is_known(self, name):
        return None not in (self.graph.shape_of(name) or ()) and self.graph.shape_of(name) is not None

    def _shape(self, name):
        shape = self.graph.shape_of(name)
        if shape is None or None in shape:
            raise UnknownShapeError(name)
        return shape

    def _size(self, name):
        return math.prod(self._shape(name))

    def _read(self, names):
        """(elements of activations, elements of constants) of some inputs, each counted once."""
        names = list(dict.fromkeys(name for name in names if name))
        return (sum(self._size(name) for name in names if not self._is_constant(name)),
                sum(self._size(name) for name in names if self._is_constant(name)))

    def _add(self, node, kernel, reads, writes):
        self.kernels.append((self.order[id(node)], replace(kernel, name=node.name), reads, writes))

    # -- convolutions and matrix products, and what is fused into them

    def _anchor(self, node):
        self.taken.add(id(node))
        read, weights = self._read(node.proto.input)
        result, extra = self._absorb(node)
        more_read, more_weights = self._read(extra)
        try:
            kind, macs, depth, columns, rows = self._work(node)
        except (IndexError, ZeroDivisionError):
            # Contradictory shapes, as in a damaged file; the check reports what is wrong with it.
            raise UnknownShapeError(result)
        kernel = Kernel(kind, 1, macs, read + more_read, weights + more_weights, self._size(result), depth, columns,
                        rows)
        self._add(node, kernel, [*node.proto.input, *extra], [result])

    def _absorb(self, node):
        """Fuse normalisation, addition and activation: (last tensor, further tensors that are read)."""
        name, extra, added = node.output(0), [], False
        while True:
            follower = self._only_consumer(name)
            if follower is None:
                break
            others = [other for other in follower.proto.input if other and other != name]
            constant = all(map(self._is_constant, others))
            if follower.operator == 'BatchNormalization' or follower.operator in ('Mul', 'Add', 'Sub', 'Div') \
                    and constant and not added:
                extra += others
            elif follower.operator == 'Add' and not constant and not added and self._is_residual(node, name, follower):
                added = True
                extra += others
            elif follower.operator in _FUSED_ACTIVATIONS:
                self.taken.add(id(follower))
                name = follower.output(0)
                break
            else:
                break
            self.taken.add(id(follower))
            name = follower.output(0)
        return name, extra

    def _only_consumer(self, name):
        consumers = self.graph.consumers(name)
        if len(consumers) != 1 or name in self.outputs or id(consumers[0]) in self.taken:
            return None
        return consumers[0]

    def _is_residual(self, node, name, addition):
        """Whether the other summand has the same shape and exists before the convolution runs."""
        others = [other for other in addition.proto.input if other != name]
        if len(others) != 1 or self._shape(others[0]) != self._shape(name):
            return False
        producer = self.graph.producer(others[0])
        return producer is None or self.order[id(producer)] < self.order[id(node)]

    def _work(self, node):
        """(kind, multiply-accumulates, depth, columns, rows)."""
        out = self._shape(node.output(0))
        if node.operator in ('Gemm', 'MatMul'):
            left = self._shape(node.input(0))
            depth = left[-2] if node.operator == 'Gemm' and node.number('transA', 0) else left[-1]
            columns = out[-1] if len(out) > 1 else 1
            return 'gemm', math.prod(out) * depth, depth, columns, math.prod(out) // columns
        weight = self._shape(node.input(1))
        groups, taps = node.number('group', 1), math.prod(weight[2:])
        if node.operator == 'Conv':
            depth, columns, rows = weight[1] * taps, weight[0] // groups, math.prod(out[2:])
        else:
            # Every input pixel meets every tap; as a matrix product the sum runs over input channels.
            depth, columns = weight[0] // groups, weight[1] * taps
            rows = math.prod(self._shape(node.input(0))[2:])
        macs = groups * depth * columns * rows * out[0]
        if groups > 1 and weight[1] == 1:
            return 'depthwise', macs, taps, 1, rows
        if taps == 1:
            return 'pointwise', macs, depth, columns, rows
        plain = node.operator == 'Conv' and weight[2:] == (3, 3) and groups == 1 and \
            set(node.numbers('strides') or [1]) == {1} and set(node.numbers('dilations') or [1]) == {1}
        return 'conv3' if plain else 'conv', macs, depth, columns, rows

    # -- everything else

    def _other(self, node):
        self.taken.add(id(node))
        operator = node.proto.op_type
        results = [name for name in node.proto.output if name and self.graph.shape_of(name) is not None]
        if operator in _FREE or operator == 'Pad' and self._pads_an_anchor(node):
            return
        if operator in _ELEMENTWISE:
            self._elementwise(node)
        elif operator == 'Concat':
            for name in node.proto.input:
                self._add(node, self._copy(name), [name], results)
        elif operator in ('Slice', 'Split', 'Gather'):
            for name in results:
                self._add(node, self._copy(name), [node.input(0)], [name])
        else:
            read, weights = self._read(node.proto.input)
            kind = ('pool' if operator in _POOLS else 'reduce' if operator in _REDUCTIONS else
                    'nms' if operator in _SUPPRESSIONS else
                    # A nearest Resize repeats pixels and is a copy; a linear one has a slow kernel of its own.
                    'resize' if operator in ('Resize', 'Upsample') and node.text('mode', 'nearest') != 'nearest' else
                    'copy')
            if operator in ('Resize', 'Upsample'):
                read, weights = self._size(node.input(0)), 0
            elif kind == 'copy' and operator not in ('Transpose', 'DepthToSpace', 'SpaceToDepth', 'Pad', 'Expand',
                                                     'Tile'):
                self.unknown.add(node.operator)
            # The boxes that remain are few compared with the scores, and a plugin does not state their number.
            if kind == 'nms':
                results = []
            kernel = Kernel(kind, 1, 0, read, weights, sum(map(self._size, results)))
            self._add(node, kernel, node.proto.input, results)

    def _copy(self, name):
        return Kernel('copy', 1, 0, self._size(name), 0, self._size(name))

    def _pads_an_anchor(self, node):
        return all(consumer.operator in _ANCHORS or consumer.operator in _POOLS
                   for consumer in self.graph.consumers(node.output(0)))

    def _elementwise(self, first):
        """One kernel of a node and its element-wise neighbours, if no other node reads the tensors between."""
        group, waiting = [], [first]
        while waiting:
            node = waiting.pop()
            group.append(node)
            for near in self._neighbours(node):
                self.taken.add(id(near))
                waiting.append(near)
        inside = {name for node in group for name in node.proto.output}
        outside = [name for node in group for name in node.proto.input if name not in inside]
        read, weights = self._read(outside)
        members = {id(node) for node in group}
        written = [name for name in sorted(inside) if name in self.outputs
                   or any(id(consumer) not in members for consumer in self.graph.consumers(name))]
        kernel = Kernel('elementwise', 1, 0, read, weights, sum(map(self._size, written)))
        self._add(min(group, key=lambda node: self.order[id(node)]), kernel, outside, written)

    def _neighbours(self, node):
        """Element-wise nodes that may share a kernel: no other node reads between them, and results have one size."""
        near = [self.graph.producer(name) for name in node.proto.input
                if name not in self.outputs and len(self.graph.consumers(name)) == 1]
        if node.output(0) not in self.outputs and len(self.graph.consumers(node.output(0))) == 1:
            near += self.graph.consumers(node.output(0))
        size = self._size(node.output(0))
        for other in near:
            if other is not None and id(other) not in self.taken and other.proto.op_type in _ELEMENTWISE \
                    and not self._is_folded(other) and self._size(other.output(0)) == size:
                yield other
