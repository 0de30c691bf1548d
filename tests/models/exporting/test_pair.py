"""A classifier and a segmenter become a bundle of two networks, each with its variants."""
import json

import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.calibrating.run import CalibrationRequest, calibrate  # noqa: E402
from models.data import phantom_collection  # noqa: E402
from models.exporting.build import ExportRequest, build_bundle  # noqa: E402
from models.exporting.checkpoint import open_checkpoint  # noqa: E402
from models.exporting.cli import _describe, _figures  # noqa: E402
from models.exporting.parity import as_seen, chain_of  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.pipeline import Pipeline  # noqa: E402
from service.simulator import make_phantom  # noqa: E402
from service.thermogram import Thermogram  # noqa: E402

from .small import write_run  # noqa: E402

CLASSIFIER = ('task=finding', 'loss.dice=0', 'input.height=64')
FIRST, SECOND = 'classify-then-segment', 'segment-then-classify'


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('classifier'), *CLASSIFIER)


@pytest.fixture(scope='module')
def of_regions(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('of_regions'), *CLASSIFIER, 'input.regions_only=true')


def refused(path, **options):
    with pytest.raises(InputError) as caught:
        open_checkpoint(path, **options)
    return caught.value


def test_each_network_keeps_its_input_and_gets_its_variants(classifier, run, tmp_path):
    package = build_bundle(open_checkpoint(classifier, run, FIRST), ExportRequest(frames=1, leave_out=('fp16-logits',)))
    bundle = package.write(tmp_path / 'bundle')
    assert bundle.manifest.order == FIRST and list(bundle.variants) == ['fp32', 'fp16', 'fp32-logits']
    assert list(bundle.classifier.variants) == ['fp32', 'fp16']
    assert bundle.inputs[0].shape[2:] == (48, 64) and bundle.classifier.inputs[0].shape[2:] == (64, 64)
    assert bundle.manifest['metrics'] == {'classifier': {'miou': 0.01}, 'segmenter': {'miou': 0.01}}
    assert 'no regions are marked' in bundle.manifest['limits'][-1]
    assert bundle.classifier.variants['fp16'].parity['frames']['1 phantoms']['finding_error'] < 0.02
    assert 'classifier.model.fp16.onnx' in bundle.manifest['files']
    lines = '\n'.join(_describe(package, tmp_path))
    assert 'classifier, %s:' % FIRST in lines and 'classifier.model.fp16.onnx' in lines
    json.dumps(_figures(package, tmp_path))

    with Pipeline.from_folder(str(tmp_path / 'bundle'), 1) as pipeline:
        frame = Thermogram.from_celsius(make_phantom(3, 240, 320).celsius, source='x')
        assert 'infer_classifier' in pipeline.analyse(frame).timings_ms

    again = build_bundle(open_checkpoint(tmp_path / 'bundle'), ExportRequest(frames=1, logits=False))
    again.write(tmp_path / 'again')
    assert open_bundle(str(tmp_path / 'again')).classifier.model == bundle.classifier.model
    with pytest.raises(InputError) as caught:
        calibrate(tmp_path / 'bundle', phantom_collection(1, 1, 48, 64), CalibrationRequest())
    assert caught.value.code == 'two-networks'


def test_after_the_segmenter_a_classifier_is_one_of_regions(classifier, of_regions, run):
    package = open_checkpoint(of_regions, run, SECOND)
    assert package.document['order'] == SECOND and 'true regions' in package.document['limits'][-1]
    document = package.classifier.document
    sample = phantom_collection(1, 1, 48, 64)[0]
    whole, seen = (as_seen(dict(document, order=order), chain_of(document), sample).tensor for order in (FIRST, SECOND))
    assert whole.any() and 0 < (seen > 0).sum() < (whole > 0).sum()
    for path, order in ((classifier, SECOND), (of_regions, FIRST), (of_regions, 'joint')):
        error = refused(path, regions=run, order=order)
        assert error.code == 'export-no-bundle' and ' alone' in error.message.text


def test_what_an_order_needs(classifier, run, tmp_path):
    assert refused(run, order=FIRST).code == 'order-unused'
    assert refused(run, regions=run, order=FIRST).code == 'regions-unused'
    assert 'finds no regions' in refused(classifier, regions=classifier, order=FIRST).message.text
    assert refused(classifier, regions=run).code == 'regions-other-input'
    masked = write_run(tmp_path / 'masked', 'network.architecture=resnet18', 'network.options={mask_channel=true}',
                       'task=finding', 'input.mask=true', 'loss.dice=0')
    assert refused(masked, regions=run, order=FIRST).code == 'mask-channel'


def test_regions_alone_are_for_a_classifier(tmp_path):
    with pytest.raises(InputError) as caught:
        write_run(tmp_path / 'run', 'input.regions_only=true')
    assert caught.value.code == 'recipe-value' and 'input.regions_only' in caught.value.message.text
