"""One kernel as a board runs it: what it computes and what it moves."""
from dataclasses import astuple, dataclass, replace
from typing import Dict, Iterable, List, Tuple, Union

#: Kinds that multiply by weights, dense ones first. ``conv3`` is 3x3 with stride 1, which may use Winograd's
#: algorithm; ``conv`` is every other dense convolution; ``separable`` is a 1x1 that reads from or feeds a depthwise
#: one, ``pointwise`` every other 1x1; ``gemm`` are matrix products and fully connected layers.
ARITHMETIC = ('conv3', 'conv', 'pointwise', 'separable', 'depthwise', 'gemm')
#: Kinds that only move and combine values.
TRAFFIC = ('elementwise', 'pool', 'reduce', 'copy', 'resize', 'nms')
KINDS = ARITHMETIC + TRAFFIC

#: Bytes of a value by precision.
BYTES = {'fp32': 4, 'fp16': 2}


@dataclass(frozen=True)
class Kernel:
    """A layer after fusion, or several equal ones.

    Attributes:
        kind: one of `KINDS`.
        count: how many there are; the other numbers describe one of them.
        macs: multiply-accumulates.
        read, weights, write: elements of activations read, of constants read, of activations written.
        depth, columns, rows: a convolution as a matrix product: elements summed for one output (input channels of a
            group times taps), output channels of a group, output pixels; 0 for other kernels.
        name: of its first layer; not part of a table.
    """

    kind: str
    count: int
    macs: int
    read: int
    weights: int
    write: int
    depth: int = 0
    columns: int = 0
    rows: int = 0
    name: str = ''

    @property
    def elements(self) -> int:
        """Elements moved: activations and weights, read and written."""
        return self.read + self.weights + self.write

    @property
    def shape(self) -> Tuple[Union[str, int], ...]:
        """Everything but count and name; kernels of one shape do the same work."""
        return (self.kind,) + astuple(self)[2:-1]

    def row(self) -> List[Union[str, int]]:
        """The kernel as a row of a table, from which ``Kernel(*row)`` makes it again."""
        return list(astuple(self)[:-1])


def merge_equal(kernels: Iterable[Kernel]) -> List[Kernel]:
    """Kernels of one shape merged into one with their count, without names, in the order of the first ones."""
    merged: Dict[Tuple[Union[str, int], ...], Kernel] = {}
    for kernel in kernels:
        earlier = merged.get(kernel.shape)
        merged[kernel.shape] = replace(kernel, name='', count=kernel.count + (earlier.count if earlier else 0))
    return list(merged.values())


def count_layers(kernels: Iterable[Kernel]) -> int:
    """Number of layers."""
    return sum(kernel.count for kernel in kernels)


def total_macs(kernels: Iterable[Kernel]) -> int:
    """Multiply-accumulates of all of them."""
    return sum(kernel.count * kernel.macs for kernel in kernels)


def total_weights(kernels: Iterable[Kernel]) -> int:
    """Constants that all of them read."""
    return sum(kernel.count * kernel.weights for kernel in kernels)
