"""What the parser takes and the builder may have no implementation for."""
import numpy as np

from ..registry import rule
from ..violation import WARNING


@rule('argmax', WARNING)
def argmax(graph):
    """ArgMax over a map: on small boards the builder was seen to find no implementation."""
    limit = graph.target.argmax_elements
    if limit is None:
        return
    for node in graph.of('ArgMax', 'ArgMin'):
        shape = graph.shape_of(node.input(0))
        if shape and None not in shape and np.prod(shape) >= limit:
            yield (node.where, 'Over a map of %s the builder of %s may find no implementation; it depends on the '
                   'workspace.' % ('x'.join(map(str, shape)), graph.target.runtime),
                   'Raise --workspace at compile; failing that compile the logits variant (--from-logits).')
