"""Does another precision, runtime or board still give the reference's answers? Figures, limits and the gate."""
from dataclasses import dataclass, fields
from typing import Optional

import numpy as np

from service.messages import BundleError
from service.regions import REGIONS

COUNT = len(REGIONS)

#: Rounds of the bootstrap over frames.
ROUNDS = 1000

#: Limits by precision: the largest for errors and for the loss of mIoU, the smallest for agreement. ``fp32`` is
#: PyTorch against ONNX Runtime, or one runtime against another. Half floats carry 11 bits, so that a probability may
#: be off by some thousandths, and a pixel on the border of two regions by more. INT8 moves borders; how far it may is
#: the project's 0.01 mIoU, and a single pixel's confidence says nothing then.
PARITY_LIMITS = {
    'fp32': {'max_abs_error': 0.001, 'label_agreement': 0.9999, 'miou_loss': 0.001, 'finding_error': 0.001},
    'fp16': {'max_abs_error': 0.05, 'label_agreement': 0.998, 'miou_loss': 0.005, 'finding_error': 0.02},
    'int8': {'label_agreement': 0.97, 'miou_loss': 0.01, 'finding_error': 0.1},
}


@dataclass(frozen=True)
class FrameParity:
    """One frame's comparison.

    Attributes:
        max_abs_error (float): of the confidence, over pixels that are finite in both.
        label_agreement (float): share of the pixels with the same label.
        finding_error (float): of the finding's probability; None without a finding.
        logits_error (float): of the region logits; None unless both have them.
        not_finite (int): NaN and infinite values among the outputs.
        pairs_reference, pairs (numpy.ndarray): int64 8x8 pixels, row = true id, column = called id; None without true
            labels.
    """

    max_abs_error: float
    label_agreement: float
    finding_error: Optional[float]
    logits_error: Optional[float]
    not_finite: int
    pairs_reference: Optional[np.ndarray]
    pairs: Optional[np.ndarray]


@dataclass(frozen=True)
class Parity:
    """A comparison over frames.

    Attributes:
        frames (int): how many.
        max_abs_error (float): largest error of the confidence, a probability.
        label_agreement (float): share of the pixels with the same label; the worst frame's is `worst_agreement`.
        miou_reference, miou (float): mean over the regions, background included, of IoU over the pixels of all
            labelled frames together; None without true labels.
        miou_change (float): `miou` - `miou_reference`.
        finding_error (float): largest error of the finding's probability; None without one.
        not_finite (int): NaN and infinite values among the outputs.
        miou_change_ci95 (tuple): bootstrap over frames, 95 %; None without true labels.
        labelled (int): frames with true labels.
        worst_agreement (float): of a single frame.
        logits_error (float): largest error of the region logits; None where not both have them.
    """

    frames: int
    max_abs_error: float
    label_agreement: float
    miou_reference: Optional[float]
    miou: Optional[float]
    miou_change: Optional[float]
    finding_error: Optional[float]
    not_finite: int
    miou_change_ci95: Optional[tuple] = None
    labelled: int = 0
    worst_agreement: Optional[float] = None
    logits_error: Optional[float] = None

    def to_dict(self):
        """The figures for a manifest: JSON, six decimals, without those that do not exist."""
        return {entry.name: _rounded(value) for entry, value in
                ((entry, getattr(self, entry.name)) for entry in fields(self)) if value is not None}


def compare_answers(reference, outputs, truth=None):
    """Compare two answers to one frame.

    Args:
        reference, outputs (dict): by role: ``labels`` (integers) with ``confidence`` (float), or ``logits`` (float
            1xRxHxW), from which both follow; and ``finding`` (float) where the network has one. Batch 1 throughout.
        truth (numpy.ndarray or None): uint8 HxW region ids on the network's grid.
    Returns:
        FrameParity
    """
    reference, found = with_labels(reference), with_labels(outputs)
    labels, expected = (np.asarray(answer['labels']).reshape(-1) for answer in (found, reference))
    pairs = [None, None]
    if truth is not None:
        pairs = [_pairs(called, np.asarray(truth).reshape(-1)) for called in (expected, labels)]
    return FrameParity(
        _worst(found, reference, 'confidence'), float(np.mean(labels == expected)), _worst(found, reference, 'finding'),
        _worst(found, reference, 'logits'), sum(_not_finite(array) for array in outputs.values()), *pairs)


def with_labels(answer):
    """An answer that has ``labels`` and ``confidence`` (largest softmax probability) also where it came as logits."""
    if 'labels' in answer or 'logits' not in answer:
        return answer
    logits = np.asarray(answer['logits'], np.float64)
    with np.errstate(invalid='ignore', over='ignore'):  # what is not finite is counted, and refused by the gate
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return dict(answer, labels=logits.argmax(1), confidence=powers.max(1) / powers.sum(1))


def summarise(frames, rounds=ROUNDS, seed=0):
    """Figures over frames.

    Args:
        frames (list of FrameParity): one or more.
        rounds, seed (int): of the bootstrap.
    Returns:
        Parity
    Raises:
        ValueError: no frame.
    """
    if not frames:
        raise ValueError('no frame was compared')
    labelled = [frame for frame in frames if frame.pairs is not None]
    overlaps = (None,) * 4
    if labelled:
        reference, found = (np.stack(tables) for tables in
                            zip(*((frame.pairs_reference, frame.pairs) for frame in labelled)))
        before, after = mean_iou(reference.sum(0)), mean_iou(found.sum(0))
        overlaps = before, after, after - before, _change_interval(reference, found, rounds, seed)
    agreements = [frame.label_agreement for frame in frames]
    return Parity(
        frames=len(frames), max_abs_error=_largest(frame.max_abs_error for frame in frames),
        label_agreement=float(np.mean(agreements)), miou_reference=overlaps[0], miou=overlaps[1],
        miou_change=overlaps[2], finding_error=_largest(frame.finding_error for frame in frames),
        not_finite=sum(frame.not_finite for frame in frames), miou_change_ci95=overlaps[3], labelled=len(labelled),
        worst_agreement=min(agreements), logits_error=_largest(frame.logits_error for frame in frames))


def gate(parity, precision):
    """Refuse a variant that does not give the reference's answers.

    Args:
        parity (Parity): what was measured.
        precision (str): key of `PARITY_LIMITS`.
    Raises:
        BundleError: ``parity-failed``, naming every limit that is broken.
    """
    limits = PARITY_LIMITS[precision]
    broken = ['%d values are NaN or infinite' % parity.not_finite] if parity.not_finite else []
    for figure, said in (('max_abs_error', 'confidence is off by up to %.4f, at most %g is allowed'),
                         ('finding_error', 'the finding is off by up to %.4f, at most %g is allowed')):
        value = getattr(parity, figure)
        if figure in limits and value is not None and not value <= limits[figure]:
            broken.append(said % (value, limits[figure]))
    if not parity.label_agreement >= limits['label_agreement']:
        broken.append('%.4f of the labels agree, at least %g must' % (parity.label_agreement,
                                                                    limits['label_agreement']))
    if parity.miou_change is not None and not parity.miou_change >= -limits['miou_loss']:
        broken.append('mIoU falls by %.4f, at most %g is allowed' % (-parity.miou_change, limits['miou_loss']))
    if broken:
        raise BundleError('parity-failed', 'The %s model does not give the answers of its reference (n = %d frames): '
                          '%s. It is not written.' % (precision, parity.frames, '; '.join(broken)), detail=str(parity))


def mean_iou(pairs):
    """Mean IoU over the regions that are in either label image; NaN without any.

    Args:
        pairs (numpy.ndarray): ...x8x8 pixels, row = true id, column = called id.
    Returns:
        numpy.ndarray or float: float64 ....
    """
    pairs = np.asarray(pairs, np.float64)
    both = np.diagonal(pairs, axis1=-2, axis2=-1)
    whole = pairs.sum(-1) + pairs.sum(-2) - both
    with np.errstate(invalid='ignore', divide='ignore'):
        overlap = np.where(whole > 0, both / whole, 0)
        mean = overlap.sum(-1) / (whole > 0).sum(-1)
    return float(mean) if mean.ndim == 0 else mean


def _change_interval(reference, found, rounds, seed):
    picks = np.random.RandomState(seed).randint(0, len(found), (rounds, len(found)))
    counts = np.stack([np.bincount(row, minlength=len(found)) for row in picks])
    drawn = mean_iou(np.tensordot(counts, found, 1)) - mean_iou(np.tensordot(counts, reference, 1))
    return tuple(float(end) for end in np.percentile(drawn, (2.5, 97.5)))


def _pairs(called, truth):
    both = truth.astype(np.int64) * COUNT + called
    return np.bincount(both, minlength=COUNT * COUNT).reshape(COUNT, COUNT)


def _worst(found, reference, role):
    """Largest difference where both are finite; infinity where that is nowhere; None without the role."""
    if role not in found or role not in reference:
        return None
    a, b = (np.asarray(answer[role], np.float64).ravel() for answer in (found, reference))
    known = np.isfinite(a) & np.isfinite(b)
    return float(np.abs(a[known] - b[known]).max()) if known.any() else float('inf')


def _not_finite(array):
    array = np.asarray(array)
    return int(np.count_nonzero(~np.isfinite(array))) if array.dtype.kind == 'f' else 0


def _largest(values):
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _rounded(value):
    if isinstance(value, tuple):
        return [_rounded(part) for part in value]
    return value if isinstance(value, int) else round(float(value), 6)
