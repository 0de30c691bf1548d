"""Resize: its scales in the file, no more changing dimensions than its mode takes."""
import numpy as np

from ..registry import rule


@rule('resize-scales')
def resize_scales(graph):
    """Scales that are computed."""
    for node in graph.of('Resize'):
        scales = node.input(1 if graph.opset < 11 else 2)
        if graph.target.restriction('Resize', 'constant_inputs') and scales and not graph.is_constant(scales):
            yield (node.where, 'Its scales (%s) are computed; %s wants an initializer there.'
                   % (scales, graph.target.runtime),
                   'Export with a fixed size: interpolate(size=(240, 320)), then fold constants with onnxsim.')


@rule('resize-dimensions')
def resize_dimensions(graph):
    """A linear or cubic Resize over more dimensions than the layer takes."""
    for node in graph.of('Resize'):
        mode = node.text('mode', 'nearest')
        limit = graph.target.restriction('Resize', mode + '_rank')
        factors = _factors(graph, node)
        if limit is None or factors is None or len(factors) <= limit:
            continue
        if np.any(factors[:-limit] != 1):
            yield (node.where, 'It changes dimensions before the last %d in mode %s; %s does so over the last %d only.'
                   % (limit, mode, graph.target.runtime, limit),
                   'Resize over height and width alone, after a Reshape or Transpose where needed.')


@rule('resize-rounding')
def resize_rounding(graph):
    """Coordinates of TensorFlow's half pixel with a rounding that the importer does not pair with them."""
    if graph.target.table is None:
        return
    for node in graph.of('Resize'):
        if (node.text('coordinate_transformation_mode') == 'tf_half_pixel_for_nn'
                and node.text('nearest_mode', 'round_prefer_floor') != 'round_prefer_floor'):
            yield (node.where, 'tf_half_pixel_for_nn goes with nearest_mode round_prefer_floor only in %s.'
                   % graph.target.runtime, 'Use half_pixel coordinates.')


def _factors(graph, node):
    """Output size by input size of every dimension (numpy.ndarray), or None where it is not known."""
    scales = graph.value_of(node.input(1 if graph.opset < 11 else 2))
    if scales is not None and scales.size:
        return scales
    before, after = graph.shape_of(node.input(0)), graph.shape_of(node.output(0))
    if not before or not after or len(before) != len(after) or None in before or None in after or 0 in before:
        return None
    return np.divide(after, before)
