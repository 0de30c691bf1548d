"""Ranges of a network's tensors over calibration frames, by onnxruntime's calibraters."""
import contextlib
import io
import logging
import os
import tempfile
import warnings

import numpy as np
import onnx
from onnxruntime.quantization.calibrate import (
    EntropyCalibrater,
    HistogramCollector,
    MinMaxCalibrater,
    PercentileCalibrater,
)

from service.messages import InputError

#: Share of the values, in percent, that lies within a percentile range. onnxruntime's own 99.999 leaves one value in
#: 100 000 outside: of a tensor with 16 channels of 320x240 that is a dozen a frame.
PERCENTILE = 99.999

#: Histogram bins of the entropy method, over both signs, and the levels they are squeezed into: those of int8.
#: onnxruntime has 128 of either, so that it compares nothing with anything and keeps the largest value. Twice as many
#: bins as levels let a range go down to a half of it; time grows with the square.
ENTROPY_BINS, ENTROPY_LEVELS = 512, 256

#: Histogram bins of the percentile method, as onnxruntime has them.
PERCENTILE_BINS = 2048

#: What a tensor that was zero throughout is given: any range holds zeros.
_OF_ZEROS = np.float32(1)

METHODS = ('minmax', 'percentile', 'entropy')


class _Frames:
    """A data reader of onnxruntime's for one frame."""

    def __init__(self, name, frame):
        self._waiting = [{name: frame}]

    def get_next(self):
        """The feed, then None."""
        return self._waiting.pop() if self._waiting else None


def measure_ranges(model, frames, method):
    """Ranges of all float tensors of a network.

    Args:
        model (bytes): ONNX, one input.
        frames (iterable of numpy.ndarray): float32 1xCxHxW each; kept in memory until all is measured.
        method (str): key of `METHODS`: ``'minmax'`` (largest value seen), ``'percentile'`` (`PERCENTILE` of the
            values lie within) or ``'entropy'`` (least Kullback-Leibler divergence between the histogram and its
            quantised form).

    Returns:
        dict: tensor name to float32 amax, the range being -amax to amax; sorted by name, without constants.

    Raises:
        InputError: ``calibration-method``, ``calibration-empty``, ``calibration-frame``.
    """
    if method not in METHODS:
        raise InputError('calibration-method', 'There is no calibration %s; there are %s.'
                         % (method, ', '.join(METHODS)))
    constant = {name for node in onnx.load_from_string(model).graph.node if node.op_type == 'Constant'
                for name in node.output}
    frames = list(frames)
    with tempfile.TemporaryDirectory(prefix='thermoscreen-') as folder, _quiet():
        path, augmented = (os.path.join(folder, name) for name in ('model.onnx', 'augmented.onnx'))
        with open(path, 'wb') as stream:
            stream.write(model)
        ranges = _collected(MinMaxCalibrater(path, None, augmented, symmetric=True), frames)
        if method == 'percentile':
            ranges = _collected(PercentileCalibrater(path, None, augmented, symmetric=True, percentile=PERCENTILE),
                                frames, _absolute_bins(ranges))
        elif method == 'entropy':
            ranges = _collected(EntropyCalibrater(path, None, augmented, symmetric=True), frames, _bins(ranges))
    return {name: amax for name, amax in sorted(ranges.items()) if name not in constant}


def _collected(calibrater, frames, collector=None):
    """Amax by tensor, of frames that go through a calibrater."""
    calibrater.augment_graph()
    calibrater.create_inference_session()
    calibrater.collector = collector
    spec, = calibrater.infer_session.get_inputs()
    if not frames:
        raise InputError('calibration-empty', 'There is no frame to calibrate with; name some.')
    for number, frame in enumerate(frames, 1):
        frame = np.asarray(frame)
        if frame.dtype != np.float32 or list(frame.shape) != spec.shape or not np.isfinite(frame).all():
            raise InputError('calibration-frame', 'Frame %d to calibrate with is %s%s or not finite; the model takes '
                             'float32%s.' % (number, frame.dtype, list(frame.shape), spec.shape))
        # One frame at a time: a calibrater keeps every tensor of all the frames that it is given at once.
        calibrater.collect_data(_Frames(spec.name, frame))
    return {name: _amax(data) for name, data in calibrater.compute_data().items()}


def _bins(ranges):
    """A collector whose histograms span the range that is known already.

    onnxruntime's own start with the first frame's range and keep the width of its bins when a later frame has a larger
    one: a tensor that is nearly zero in the first frame then gets millions of bins.
    """
    collector = HistogramCollector('entropy', True, ENTROPY_BINS, ENTROPY_LEVELS, None, None)
    collector.histogram_dict = {
        name: (np.zeros(ENTROPY_BINS, np.int64), np.linspace(-amax, amax, ENTROPY_BINS + 1, dtype=np.float32),
               np.float32(0), np.float32(0), amax) for name, amax in ranges.items()}
    return collector


def _absolute_bins(ranges):
    """The same for histograms of absolute values."""
    collector = HistogramCollector('percentile', True, PERCENTILE_BINS, None, PERCENTILE, None)
    collector.histogram_dict = {
        name: (np.zeros(PERCENTILE_BINS, np.int64), np.linspace(0, amax, PERCENTILE_BINS + 1, dtype=np.float32),
               np.float32(0), np.float32(0)) for name, amax in ranges.items()}
    return collector


def _amax(data):
    return np.float32(max(np.abs(np.asarray(end)).max() for end in data.range_value)) or _OF_ZEROS


@contextlib.contextmanager
def _quiet():
    """Onnxruntime's calibraters print their progress and log advice; neither is for the user of a verb."""
    level = logging.root.level
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        logging.root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.root.setLevel(level)
