"""Where INT8 ranges come from: the bundle's cache, or TensorRT's own calibration on frames of this place."""
import hashlib
import os

from calibration import choose_frames, describe_frame
from calibration.calibrators import cache_calibrator, entropy_calibrator
from service.body import find_body
from service.messages import OK, BackendError, InputError, ThermoscreenError
from service.quality import QualityLimits, check_frame
from service.readers import find_thermograms, read_thermogram

#: Frames that ranges are measured on, and files that are looked at to choose them. NVIDIA's samples take some hundred
#: pictures of a thousand kinds; thermograms are of one.
FRAMES, CANDIDATES = 64, 256


class CachedRanges:
    """The ranges that the bundle brings.

    Args:
        data (bytes): its calibration cache.
    """

    def __init__(self, data):
        self._data = data
        self.flag = 'calibration=' + hashlib.sha256(data).hexdigest()[:12]

    def calibrator(self, trt, network):
        """A calibrator that answers with the cache, for a parsed network."""
        # Every chain gives 0 to 1, which tells a cache of amax from one of amax / 127.
        inputs = [network.get_input(number).name for number in range(network.num_inputs)]
        return cache_calibrator(trt, self._data, dict.fromkeys(inputs, 1.0))


class MeasuredRanges:
    """Ranges that TensorRT measures while it builds, by its own entropy calibration.

    Frames that the quality gate refuses are left out, as the service would. What was measured is kept beside the
    engines and read again for the same frames, model and TensorRT.

    Args:
        bundle (Bundle): its chain prepares the frames, its FP32 file is what is measured.
        paths (list of str): thermograms and folders of them.
        folder (str): of the engines.
        note (callable): told in a sentence what was left out.
    Raises:
        InputError: ``calibration-empty``: there is no usable frame; or as `find_thermograms`.
    """

    def __init__(self, bundle, paths, folder, note):
        tensors = _prepared(bundle, paths, note)
        places = choose_frames([describe_frame(tensor) for tensor in tensors],
                               [str(number) for number in range(len(tensors))], FRAMES)
        self._tensors = [tensors[place] for place in places]
        digest = hashlib.sha256(b''.join(tensor.tobytes() for tensor in self._tensors)).hexdigest()[:12]
        self.flag = 'measured=' + digest
        self._stem = os.path.join(folder, 'int8-%s-%s' % (bundle.sha256('fp32')[:12], digest))

    def calibrator(self, trt, network):
        """A calibrator that hands the frames to TensorRT; for the thread whose CUDA context is current."""
        import pycuda.driver as cuda

        return entropy_calibrator(trt, cuda, self._tensors, '%s-%s.cache' % (self._stem, trt.__version__))


def check_calibrator(calibrator):
    """Raise what went wrong inside a calibrator, which TensorRT itself cannot pass on.

    Args:
        calibrator: as `CachedRanges.calibrator` or `MeasuredRanges.calibrator` made it; None for none.
    Raises:
        ThermoscreenError: as the calibrator noted it; ``calibration-failed`` for an error of CUDA.
    """
    problem = getattr(calibrator, 'problem', None)
    if isinstance(problem, ThermoscreenError):
        raise problem
    if problem is not None:
        raise BackendError('calibration-failed', 'The ranges could not be measured (%s); close other programs and try '
                           'again, or build with --precision fp16.' % problem, detail=repr(problem))


def _prepared(bundle, paths, note):
    files, tensors, left_out = find_thermograms(paths), [], 0
    for path in files[::-(-len(files) // CANDIDATES)]:
        try:
            thermogram = read_thermogram(path)
        except InputError:
            left_out += 1
            continue
        body = find_body(thermogram)
        if check_frame(thermogram, body, QualityLimits())[-1].severity == OK:
            tensors.append(bundle.chain.apply(thermogram, body).tensor)
        else:
            left_out += 1
    if not tensors:
        raise InputError('calibration-empty', 'None of the %d files can be measured on: none can be read and passes '
                         'the quality checks. Name frontal thermograms of this camera.' % len(files))
    if left_out:
        note('%d of the frames cannot be read or do not pass the quality checks, and are left out.' % left_out)
    return tensors
