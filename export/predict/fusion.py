"""A graph as kernels: what TensorRT fuses, by the rules that its own lists of layers show.

Lists that were read (TensorRT 8.0.1 on a Jetson Nano, github:NobuoTsukamoto/benchmarks): ``Conv + Relu``,
``Conv + Add``, ``Conv + Add + Relu``, ``PWN(...)`` of neighbouring element-wise layers, a ``copy`` for every input of
a concatenation, pools, resizes and shuffles alone. Convolutions that TensorRT runs side by side (``||``) stay two.
"""
import math
from dataclasses import dataclass, replace

from .kernel import Kernel
from .operators import ANCHORS, ELEMENTWISE, FREE, FUSED_ACTIVATIONS, POOLS, REDUCTIONS, SUPPRESSIONS, is_nearest


class UnknownShapeError(Exception):
    """A tensor whose shape is not fixed; its name is the message."""


@dataclass(frozen=True)
class Fused:
    """A network as kernels.

    Attributes:
        kernels (list of Kernel): each with count 1, in the order of their first layers.
        flows (list of tuple): for each kernel the tensors it reads and those it writes, as tuples of names; constants
            left out, and a tensor that only got another name or shape under its first name.
        sizes (dict): name of every tensor in `flows` to its elements.
        inputs, outputs (tuple of str): tensors among them that come from and go to the caller.
        unknown (tuple of str): operators of which nothing is known, taken for plain traffic.
    """

    kernels: list
    flows: list
    sizes: dict
    inputs: tuple
    outputs: tuple
    unknown: tuple


def fuse(graph):
    """A graph after fusion.

    Args:
        graph (export.check.graph.Graph): with shapes inferred.

    Returns:
        Fused

    Raises:
        UnknownShapeError: a shape that counts is not fixed.
    """
    return _Fusion(graph).run()


def _with_separable(kernels, flows):
    """1x1 convolutions beside a depthwise one become a kind of their own: FP16 brings them next to nothing."""
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
            if node.operator in ANCHORS and not self._is_folded(node):
                self._anchor(node)
        for node in self.graph.nodes:
            if id(node) not in self.taken and not self._is_folded(node):
                self._plain(node)
        found = sorted(self.kernels, key=lambda entry: entry[0])
        flows = [(self._plainly(reads), self._plainly(writes)) for _, _, reads, writes in found]
        # A plugin's results have no shape here.
        inputs, outputs = (self._plainly([value.name for value in values if self._is_known(value.name)])
                           for values in (self.graph.inputs, self.graph.outputs))
        names = {name for flow in flows for names in flow for name in names}.union(inputs, outputs)
        kernels = _with_separable([kernel for _, kernel, _, _ in found], flows)
        return Fused(kernels, flows, {name: self._size(name) for name in names}, inputs, outputs,
                     tuple(sorted(self.unknown)))

    def _plainly(self, names):
        """Names without constants, each tensor under the name it had before it was only renamed or reshaped."""
        found = {}
        for name in names:
            giver = self.graph.giver(name)
            while giver is not None and giver.proto.op_type in FREE:
                name = giver.input(0)
                giver = self.graph.giver(name)
            if name and not self._is_constant(name):
                found[name] = None
        return tuple(found)

    # -- what costs nothing at run time

    def _fold(self):
        """Mark what the builder computes once: constants, shapes, and all that follows from them alone."""
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

    def _add(self, node, kind, reads, writes, *numbers):
        self.kernels.append((self.order[id(node)], Kernel(kind, 1, *numbers, name=node.name), reads, writes))

    # -- convolutions and matrix products with what is fused into them

    def _anchor(self, node):
        self.taken.add(id(node))
        read, weights = self._read(node.proto.input)
        result, extra = self._absorb(node)
        more_read, more_weights = self._read(extra)
        try:
            kind, macs, depth, columns, rows = self._work(node)
        except (IndexError, ZeroDivisionError):
            # Shapes that contradict one another, as in a damaged file; the check says what is wrong with it.
            raise UnknownShapeError(result)
        self._add(node, kind, [*node.proto.input, *extra], [result], macs, read + more_read, weights + more_weights,
                  self._size(result), depth, columns, rows)

    def _absorb(self, node):
        """Take up normalisation, addition and activation: (last tensor, further tensors that are read)."""
        name, extra, added = node.output(0), [], False
        while True:
            follower = self._only_user(name)
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
            elif follower.operator in FUSED_ACTIVATIONS:
                self.taken.add(id(follower))
                name = follower.output(0)
                break
            else:
                break
            self.taken.add(id(follower))
            name = follower.output(0)
        return name, extra

    def _only_user(self, name):
        users = self.graph.users(name)
        if len(users) != 1 or name in self.outputs or id(users[0]) in self.taken:
            return None
        return users[0]

    def _is_residual(self, node, name, addition):
        """Whether the other summand is of one shape and there before the convolution runs."""
        others = [other for other in addition.proto.input if other != name]
        if len(others) != 1 or self._shape(others[0]) != self._shape(name):
            return False
        giver = self.graph.giver(others[0])
        return giver is None or self.order[id(giver)] < self.order[id(node)]

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
            # Every input pixel meets every tap; as a product the sum runs over input channels.
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

    def _plain(self, node):
        self.taken.add(id(node))
        operator = node.proto.op_type
        results = [name for name in node.proto.output if name and self.graph.shape_of(name) is not None]
        if operator in FREE or operator == 'Pad' and self._pads_an_anchor(node):
            return
        if operator in ELEMENTWISE:
            self._elementwise(node)
        elif operator == 'Concat':
            for name in node.proto.input:
                self._add(node, 'copy', [name], results, 0, self._size(name), 0, self._size(name))
        elif operator in ('Slice', 'Split', 'Gather'):
            for name in results:
                self._add(node, 'copy', [node.input(0)], [name], 0, self._size(name), 0, self._size(name))
        else:
            read, weights = self._read(node.proto.input)
            kind = ('pool' if operator in POOLS else 'reduce' if operator in REDUCTIONS else
                    'nms' if operator in SUPPRESSIONS else
                    'resize' if operator in ('Resize', 'Upsample') and not is_nearest(node) else 'copy')
            if operator in ('Resize', 'Upsample'):
                read, weights = self._size(node.input(0)), 0
            elif kind == 'copy' and operator not in ('Transpose', 'DepthToSpace', 'SpaceToDepth', 'Pad', 'Expand',
                                                     'Tile'):
                self.unknown.add(node.operator)
            # How many boxes stay is small beside the scores, and a plugin does not tell it.
            if kind == 'nms':
                results = []
            self._add(node, kind, node.proto.input, results, 0, read, weights, sum(map(self._size, results)))

    def _pads_an_anchor(self, node):
        return all(user.operator in ANCHORS or user.operator in POOLS for user in self.graph.users(node.output(0)))

    def _elementwise(self, first):
        """One kernel of a node and every element-wise neighbour that nobody else looks at."""
        group, waiting = [], [first]
        while waiting:
            node = waiting.pop()
            group.append(node)
            for near in self._neighbours(node):
                self.taken.add(id(near))
                waiting.append(near)
        inside = {name for node in group for name in node.proto.output}
        taken = [name for node in group for name in node.proto.input if name not in inside]
        read, weights = self._read(taken)
        members = {id(node) for node in group}
        written = [name for name in sorted(inside)
                   if name in self.outputs or any(id(user) not in members for user in self.graph.users(name))]
        self._add(min(group, key=lambda node: self.order[id(node)]), 'elementwise', taken, written, 0, read, weights,
                  sum(map(self._size, written)))

    def _neighbours(self, node):
        """Element-wise nodes that may share a kernel: nobody else looks in between, and results are of one size."""
        near = [self.graph.giver(name) for name in node.proto.input
                if name not in self.outputs and len(self.graph.users(name)) == 1]
        if node.output(0) not in self.outputs and len(self.graph.users(node.output(0))) == 1:
            near += self.graph.users(node.output(0))
        size = self._size(node.output(0))
        for other in near:
            if other is not None and id(other) not in self.taken and other.proto.op_type in ELEMENTWISE \
                    and not self._is_folded(other) and self._size(other.output(0)) == size:
                yield other
