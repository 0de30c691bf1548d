"""One kernel as a board runs it: what it computes and what it moves."""
from dataclasses import astuple, dataclass, replace

#: Kinds that do arithmetic on weights, dense ones first. ``conv3`` is 3x3 with stride 1, which may take Winograd's
#: shorter way; ``conv`` is every other dense convolution; ``separable`` is a 1x1 that reads from or feeds a depthwise
#: one, ``pointwise`` every other 1x1; ``gemm`` are matrix products and fully connected layers.
ARITHMETIC = ('conv3', 'conv', 'pointwise', 'separable', 'depthwise', 'gemm')
#: Kinds that only move and mix values.
TRAFFIC = ('elementwise', 'pool', 'reduce', 'copy', 'resize', 'nms')
KINDS = ARITHMETIC + TRAFFIC


@dataclass(frozen=True)
class Kernel:
    """A layer after fusion, or several that are alike.

    Attributes:
        kind (str): of `KINDS`.
        count (int): how many of them there are; the other numbers are of one.
        macs (int): multiply-accumulates.
        read, weights, write (int): elements of activations read, of constants read, of activations written.
        depth, columns, rows (int): the convolution as a matrix product: elements summed for one output (input
            channels of a group times taps), output channels of a group, output pixels; 0 where there is none.
        name (str): of the first layer in it; not part of a table.
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
    def elements(self):
        """Elements moved (int): activations and weights, read and written."""
        return self.read + self.weights + self.write

    @property
    def shape(self):
        """Everything but count and name: kernels of one shape are the same work (tuple)."""
        return (self.kind,) + astuple(self)[2:-1]

    def row(self):
        """The kernel as a row of a table (list)."""
        return list(astuple(self)[:-1])


def from_row(row):
    """A kernel from a row of a table."""
    return Kernel(*row)


def gathered(kernels):
    """Kernels of one shape put together, in the order of their first (list of Kernel, without names)."""
    found = {}
    for kernel in kernels:
        held = found.get(kernel.shape)
        found[kernel.shape] = replace(kernel, name='', count=kernel.count + (held.count if held else 0))
    return list(found.values())


def total_macs(kernels):
    """Multiply-accumulates of all of them (int)."""
    return sum(kernel.count * kernel.macs for kernel in kernels)


def total_weights(kernels):
    """Constants that all of them read (int)."""
    return sum(kernel.count * kernel.weights for kernel in kernels)


def layers(kernels):
    """How many there are (int)."""
    return sum(kernel.count for kernel in kernels)
