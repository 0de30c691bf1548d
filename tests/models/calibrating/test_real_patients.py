"""The shipped network in INT8, calibrated on simulated thermograms alone, on real patients."""
import numpy as np
import pytest

for _name in ('torch', 'onnx', 'sklearn'):
    pytest.importorskip(_name, reason='%s is not installed here' % _name)

from models.calibrating.run import CalibrationRequest, calibrate  # noqa: E402
from models.data import open_data, phantom_collection  # noqa: E402
from models.evaluation.outcomes import analyse_samples  # noqa: E402
from models.evaluation.overlap import iou, mean_over_regions  # noqa: E402
from service.pipeline import Pipeline  # noqa: E402
from service.selection import Runtime  # noqa: E402


def _miou(folder, precision, samples):
    runtime = Runtime(backend='onnxruntime', precision=precision, threads=1)
    with Pipeline.from_folder(str(folder), runtime=runtime) as pipeline:
        assert pipeline.backend['precision'] == precision
        outcomes = analyse_samples(pipeline, samples).outcomes
    assert all(outcome.answered for outcome in outcomes)
    return float(mean_over_regions(iou(np.sum([outcome.overlap.pairs for outcome in outcomes], 0))))


@pytest.mark.slow
def test_int8_is_within_a_hundredth_on_the_labelled_patients(root, shared_data, tmp_path):
    request = CalibrationRequest(method='minmax', frames=12, judged=4, thresholds=False)
    found = calibrate(root / 'service' / 'bundles' / 'phantom-fpn', phantom_collection(920000, 24), request)
    found.package.write(tmp_path / 'bundle')
    samples = open_data(shared_data / 'dmr').labelled()
    before, after = (_miou(tmp_path / 'bundle', precision, samples) for precision in ('fp32', 'int8'))
    print('n = %d patients: mIoU FP32 %.4f, INT8 %.4f; %s' % (len(samples), before, after, found.latency))
    assert len(samples) == 20 and after >= before - 0.01
