"""Does another precision, runtime or board still give the answers of the baseline? Figures, limits and the gate."""
from dataclasses import dataclass, fields
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from service.messages import BundleError
from service.regions import REGIONS

COUNT = len(REGIONS)

#: Rounds of the bootstrap over frames.
ROUNDS = 1000

#: Limits by precision: upper ones for errors and for the loss of mIoU, a lower one for agreement. ``fp32`` is PyTorch
#: against ONNX Runtime, or one runtime against another. Half floats have 11 bits, so that a probability may be off by
#: some thousandths, and a pixel on the border of two regions by more. INT8 moves borders; the project allows 0.01 mIoU,
#: and the confidence of a single pixel says nothing then.
PARITY_LIMITS = {
    'fp32': {'max_abs_error': 0.001, 'label_agreement': 0.9999, 'miou_loss': 0.001, 'finding_error': 0.001,
             'view_error': 0.001, 'features_error': 0.001},
    'fp16': {'max_abs_error': 0.05, 'label_agreement': 0.998, 'miou_loss': 0.005, 'finding_error': 0.02,
             'view_error': 0.02, 'features_error': 0.02},
    'int8': {'label_agreement': 0.97, 'miou_loss': 0.01, 'finding_error': 0.1, 'view_error': 0.1,
             'features_error': 0.1},
}


@dataclass(frozen=True, eq=False)
class FrameParity:
    """The comparison of one frame.

    Attributes:
        max_abs_error: of the confidence, over pixels that are finite in both; None without it.
        label_agreement: share of the pixels with the same label.
        finding_error: of the finding's probability; None without a finding.
        logits_error: of the region logits; None unless both have them.
        not_finite: NaN and infinite values among the outputs.
        pairs_baseline, pairs: int64 8x8 pixels, row = true id, column = predicted id; None without true labels.
        view_error: of a view's probability; None without views.
        features_error: of one of the features, whose squares sum to 1; None without them.
    """

    max_abs_error: Optional[float]
    label_agreement: float
    finding_error: Optional[float]
    logits_error: Optional[float]
    not_finite: int
    pairs_baseline: Optional[np.ndarray]
    pairs: Optional[np.ndarray]
    view_error: Optional[float] = None
    features_error: Optional[float] = None


@dataclass(frozen=True)
class Parity:
    """A comparison over frames.

    Attributes:
        frames: how many.
        max_abs_error: largest error of the confidence, a probability; None without it.
        label_agreement: share of the pixels with the same label.
        miou_reference, miou: mean IoU of the regions, including background, over the pixels of all labelled frames
            together; None without true labels.
        miou_change: `miou` - `miou_reference`.
        finding_error: largest error of the finding's probability; None without one.
        not_finite: NaN and infinite values among the outputs.
        miou_change_ci95: 95 % interval by bootstrap over frames; None without true labels.
        labelled: frames with true labels.
        worst_agreement: smallest label agreement of a single frame.
        logits_error: largest error of the region logits; None unless both have them.
        view_error: largest error of a view's probability; None without views.
        features_error: largest error of one of the features; None without them.
    """

    frames: int
    max_abs_error: Optional[float]
    label_agreement: float
    miou_reference: Optional[float]
    miou: Optional[float]
    miou_change: Optional[float]
    finding_error: Optional[float]
    not_finite: int
    miou_change_ci95: Optional[Tuple[float, float]] = None
    labelled: int = 0
    worst_agreement: Optional[float] = None
    logits_error: Optional[float] = None
    view_error: Optional[float] = None
    features_error: Optional[float] = None

    def to_dict(self) -> Dict[str, Any]:
        """The figures for a manifest: JSON, six decimals, without those that do not exist."""
        return {entry.name: _rounded(value) for entry, value in
                ((entry, getattr(self, entry.name)) for entry in fields(self)) if value is not None}


def compare_answers(baseline: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray],
                    truth: Optional[np.ndarray] = None) -> FrameParity:
    """Compare two answers to one frame.

    Args:
        baseline, outputs: ``labels`` (integers) with ``confidence`` (float), or ``logits`` (float 1xRxHxW), from which
            both follow; and ``finding``, ``view`` and ``features`` (float) where the network has them. Batch 1.
        truth: uint8 HxW region ids on the network's grid.
    """
    expected, answer = with_labels(baseline), with_labels(outputs)
    expected_labels, labels = (np.asarray(one['labels']).reshape(-1) for one in (expected, answer))
    pairs: List[Optional[np.ndarray]] = [None, None]
    if truth is not None:
        pairs = [_pairs(predicted, np.asarray(truth).reshape(-1)) for predicted in (expected_labels, labels)]
    return FrameParity(
        _worst(answer, expected, 'confidence'), float(np.mean(labels == expected_labels)),
        _worst(answer, expected, 'finding'), _worst(answer, expected, 'logits'),
        sum(_not_finite(array) for array in outputs.values()), pairs[0], pairs[1], _worst(answer, expected, 'view'),
        _worst(answer, expected, 'features'))


def with_labels(answer: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """An answer with ``labels`` and ``confidence`` (largest softmax probability), from its logits where needed."""
    if 'labels' in answer or 'logits' not in answer:
        return answer
    logits = np.asarray(answer['logits'], np.float64)
    # Values that are not finite are counted, and the gate refuses them.
    with np.errstate(invalid='ignore', over='ignore'):
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return dict(answer, labels=logits.argmax(1), confidence=powers.max(1) / powers.sum(1))


def summarise(frames: Sequence[FrameParity], rounds: int = ROUNDS, seed: int = 0) -> Parity:
    """Figures over frames.

    Args:
        frames: one or more.
        rounds, seed: of the bootstrap.

    Raises:
        ValueError: no frame.
    """
    if not frames:
        raise ValueError('no frame was compared')
    labelled = [frame for frame in frames if frame.pairs is not None]
    before = after = change = interval = None
    if labelled:
        baseline, compared = (np.stack(tables) for tables in
                              zip(*((frame.pairs_baseline, frame.pairs) for frame in labelled)))
        before, after = float(mean_iou(baseline.sum(0))), float(mean_iou(compared.sum(0)))
        change, interval = after - before, _change_interval(baseline, compared, rounds, seed)
    agreements = [frame.label_agreement for frame in frames]
    return Parity(
        frames=len(frames), max_abs_error=_largest(frame.max_abs_error for frame in frames),
        label_agreement=float(np.mean(agreements)), miou_reference=before, miou=after,
        miou_change=change, finding_error=_largest(frame.finding_error for frame in frames),
        not_finite=sum(frame.not_finite for frame in frames), miou_change_ci95=interval, labelled=len(labelled),
        worst_agreement=min(agreements), logits_error=_largest(frame.logits_error for frame in frames),
        view_error=_largest(frame.view_error for frame in frames),
        features_error=_largest(frame.features_error for frame in frames))


def gate(parity: Parity, precision: str) -> None:
    """Refuse a variant whose answers differ too much from the baseline's.

    Args:
        parity: what was measured.
        precision: key of `PARITY_LIMITS`.

    Raises:
        BundleError: ``parity-failed``, naming every limit that is exceeded.
    """
    limits = PARITY_LIMITS[precision]
    broken = ['%d values are NaN or infinite' % parity.not_finite] if parity.not_finite else []
    for figure, sentence in (('max_abs_error', 'confidence is off by up to %.4f, at most %g is allowed'),
                             ('finding_error', 'the finding is off by up to %.4f, at most %g is allowed'),
                             ('view_error', 'the view is off by up to %.4f, at most %g is allowed'),
                             ('features_error', 'a feature is off by up to %.4f, at most %g is allowed')):
        value = getattr(parity, figure)
        if figure in limits and value is not None and not value <= limits[figure]:
            broken.append(sentence % (value, limits[figure]))
    if not parity.label_agreement >= limits['label_agreement']:
        broken.append('%.4f of the labels agree, at least %g must' % (parity.label_agreement,
                                                                    limits['label_agreement']))
    if parity.miou_change is not None and not parity.miou_change >= -limits['miou_loss']:
        broken.append('mIoU falls by %.4f, at most %g is allowed' % (-parity.miou_change, limits['miou_loss']))
    if broken:
        raise BundleError('parity-failed', 'The %s model does not give the answers of its baseline (n = %d frames): '
                          '%s. It is not written.' % (precision, parity.frames, '; '.join(broken)), detail=str(parity))


def mean_iou(pairs: np.ndarray) -> Union[float, np.ndarray]:
    """Mean IoU over the regions that occur in either label image; NaN without any.

    Args:
        pairs: ...x8x8 pixels, row = true id, column = predicted id.

    Returns:
        float64 of the leading shape; a float for one table.
    """
    pairs = np.asarray(pairs, np.float64)
    both = np.diagonal(pairs, axis1=-2, axis2=-1)
    whole = pairs.sum(-1) + pairs.sum(-2) - both
    with np.errstate(invalid='ignore', divide='ignore'):
        overlap = np.where(whole > 0, both / whole, 0)
        mean = overlap.sum(-1) / (whole > 0).sum(-1)
    return float(mean) if mean.ndim == 0 else mean


def _change_interval(baseline: np.ndarray, compared: np.ndarray, rounds: int, seed: int) -> Tuple[float, float]:
    picks = np.random.RandomState(seed).randint(0, len(compared), (rounds, len(compared)))
    counts = np.stack([np.bincount(row, minlength=len(compared)) for row in picks])
    drawn = mean_iou(np.tensordot(counts, compared, 1)) - mean_iou(np.tensordot(counts, baseline, 1))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def _pairs(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    both = truth.astype(np.int64) * COUNT + predicted
    return np.bincount(both, minlength=COUNT * COUNT).reshape(COUNT, COUNT)


def _worst(answer: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], role: str) -> Optional[float]:
    """Largest difference where both are finite; infinity if they never are; None without the role."""
    if role not in answer or role not in expected:
        return None
    a, b = (np.asarray(one[role], np.float64).ravel() for one in (answer, expected))
    finite = np.isfinite(a) & np.isfinite(b)
    return float(np.abs(a[finite] - b[finite]).max()) if finite.any() else float('inf')


def _not_finite(array: np.ndarray) -> int:
    array = np.asarray(array)
    return int(np.count_nonzero(~np.isfinite(array))) if array.dtype.kind == 'f' else 0


def _largest(values: Iterable[Optional[float]]) -> Optional[float]:
    return max((value for value in values if value is not None), default=None)


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(part) for part in value]
    return value if isinstance(value, int) else round(float(value), 6)
