"""A bundle of two networks becomes two engines, which one worker runs in one CUDA context."""
import json

import pytest

from jetson.compile.cli import engines
from service.bundle import open_bundle
from service.messages import InputError
from service.pipeline import Pipeline
from service.selection import Runtime
from service.thermogram import Thermogram
from tests.fakes import bundles

from .bench import build, plans, refused
from .test_cli import run


@pytest.fixture
def pair(tmp_path):
    return open_bundle(bundles.write_pair(tmp_path / 'pair', bundles.pair_document('segment-then-classify')))


def test_two_engines_are_built_proven_and_run_in_one_context(tensorrt_double, pair, store):
    double = tensorrt_double(cuda='driver')
    compiled = build(pair, store, 'fp32')
    assert set(compiled.record['proof']) == {'labels_agreement', 'confidence_error'}
    assert set(compiled.classifier.record['proof']) == {'finding_error'} and len(store.list()) == 2

    with Pipeline(pair, runtime=Runtime(backend='tensorrt', engines=store.folder)) as pipeline:
        assert double.alive()['contexts'] == 1
        assert pipeline.backend['engine'] != pipeline.backend['classifier']['engine']
        assert set(pipeline.proof) == {'labels_agreement', 'confidence_error', 'finding_error'}
        result = pipeline.analyse(Thermogram.from_celsius(bundles.warm_square(480, 640), source='x'))
        assert {'copy_in', 'infer', 'copy_out'} <= set(result.timings_ms)
    assert double.leaks() == []


def test_older_engines_of_both_stay_until_both_new_ones_are_proven(tensorrt_double, pair, store, tmp_path):
    tensorrt_double()
    build(pair, store, 'fp32')
    before = plans(store)
    manifest = bundles.pair_document('segment-then-classify', version='1.0.1')
    manifest['classifier']['golden']['finding_tolerance'] = 1e-12
    refused(open_bundle(bundles.write_pair(tmp_path / 'wrong', manifest)), store, 'fp32', force=True)
    assert set(before) <= set(plans(store))


def test_a_classifier_runs_in_the_precision_that_it_has(tensorrt_double, pair, store):
    tensorrt_double()
    build(pair, store, 'fp32')
    compiled = build(pair, store, 'fp16')
    store.remove(compiled.classifier.name)
    with Pipeline(pair, runtime=Runtime(backend='tensorrt', precision='fp16', engines=store.folder)) as pipeline:
        backend = pipeline.backend
    assert backend['precision'] == 'fp16' and backend['classifier']['precision'] == 'fp32'


def test_both_engines_are_verified(tensorrt_double, pair, store, tmp_path):
    tensorrt_double()
    build(pair, store, 'fp32')
    settings = tmp_path / 'settings.toml'
    settings.write_text('[model]\nallow_unsigned = true\nengines = "%s"\n' % store.folder)
    text, code = run(engines, 'verify', '--settings', settings, '--bundle', pair.folder, '--json')
    found = json.loads(text)['engines']
    assert code == 0 and sorted(len(entry['facts']['proof']) for entry in found) == [1, 2]


def test_frames_are_not_what_a_classifier_after_the_segmenter_sees(tensorrt_double, pair, store):
    tensorrt_double()
    with pytest.raises(InputError) as caught:
        build(pair, store, 'int8', frames=('somewhere',))
    assert caught.value.code == 'calibration-order' and not store.list()
