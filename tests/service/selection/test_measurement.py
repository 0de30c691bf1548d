"""Every candidate is measured in turns, and one that does not prove itself has no figures."""
import io

import numpy as np
import pytest

from jetson.compile import CompileOptions, Progress, compile_engine
from service.bundle import open_bundle
from service.engines import EngineStore
from service.messages import BackendError, BundleError
from service.selection import Candidate, Runtime, every_candidate
from service.selection.measurement import feeds, measure
from tests.fakes import bundles
from tests.fakes.variants import NAMES, document, files, write_variants

ROUNDS, FRAMES = 3, 2


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(write_variants(tmp_path_factory.mktemp('variants') / 'bundle'))


@pytest.fixture(scope='module')
def given(bundle):
    return feeds(bundle, FRAMES)


def rows(bundle, given, progress=lambda words: None, **runtime):
    offered = every_candidate(bundle, Runtime(threads=1, **runtime), build=True)
    return {row['name']: row for row in measure(bundle, offered, given, ROUNDS, 1, progress)}


def spoiled(folder, **entries):
    """A bundle whose int8-qdq variant is described differently."""
    manifest = document()
    manifest['variants']['int8-qdq'].update(entries)
    return open_bundle(bundles.write(folder, manifest, files()))


def test_frames_are_the_golden_one_and_simulated_ones(bundle, given):
    assert len(given) == 1 + FRAMES
    for feed in given:
        assert feed['thermogram'].dtype == np.float32 and feed['thermogram'].shape == bundle.inputs[0].shape
    assert not np.array_equal(given[1]['thermogram'], given[2]['thermogram'])


def test_every_file_on_the_cpu_is_measured_and_compared(bundle, given):
    found = rows(bundle, given, backend='onnxruntime')
    for name in ('fp32',) + NAMES:
        row = found['onnxruntime-cpu:' + name]
        assert row['problem'] is None and row['excluded'] == '' and row['variant'] == name
        assert row['n'] == ROUNDS * (1 + FRAMES) and 0 < row['median_ms'] <= row['p90_ms'] and row['start_s'] > 0
        assert row['bytes'] == len(bundle.read_model(name)) and row['proof']['labels_agreement'] > 0.9
        assert row['backend']['variant'] == name
    assert found['onnxruntime-cpu:fp32']['agreement'] == found['onnxruntime-cpu:fp32-logits']['agreement'] == 1
    assert 0.9 < found['onnxruntime-cpu:int8-qdq']['agreement'] < 1
    absent = found['onnxruntime-cuda:fp32']
    assert absent['problem']['code'] == 'backend-provider' and absent['excluded'] == absent['problem']['sentence']
    assert absent['median_ms'] is absent['agreement'] is None and absent['n'] == 0


def test_candidates_take_turns_and_every_other_turn_is_backwards(bundle, given):
    said = []
    rows(bundle, given, said.append, backend='onnxruntime', precision='fp16')
    cpu = [words for words in said if 'cpu' in words]
    assert cpu == ['onnxruntime-cpu:%s, round %d of %d' % (name, number, ROUNDS) for number, name in
                   ((1, 'fp16'), (1, 'fp16-logits'), (2, 'fp16-logits'), (2, 'fp16'), (3, 'fp16'), (3, 'fp16-logits'))]


def test_a_variant_that_fails_its_proof_has_no_times(tmp_path, given):
    exact = {'labels_agreement': 1.0, 'confidence_tolerance': 1e-9, 'finding_tolerance': 1e-9}
    row = rows(spoiled(tmp_path / 'b', golden=exact), given)['onnxruntime-cpu:int8-qdq']
    assert row['problem']['code'] == 'golden-mismatch' and row['median_ms'] is None
    assert row['excluded'] == '%(sentence)s %(next_step)s' % row['problem']


@pytest.mark.parametrize('entries, words', [
    ({'parity': {}}, 'does not state how int8-qdq differs'),
    ({'parity': {'not_finite': 3}}, 'not finite'),
])
def test_a_row_says_why_it_may_not_be_chosen(tmp_path, given, entries, words):
    row = rows(spoiled(tmp_path / 'b', **entries), given)['onnxruntime-cpu:int8-qdq']
    assert row['problem'] is None and row['median_ms'] > 0 and words in row['excluded']


def test_one_that_agrees_on_the_golden_frame_alone_may_not_be_chosen(bundle, given):
    # Just above the border of regions 1 and 2 (1.5 / 7), and rounded to below it by int8 (27 / 127).
    border = dict(thermogram=np.full_like(given[0]['thermogram'], 0.2155))
    row = rows(bundle, given + [border], backend='onnxruntime', precision='int8')['onnxruntime-cpu:int8-qdq']
    assert row['problem'] is None and row['agreement'] < 0.8
    assert 'Only 0.7' in row['excluded'] and 'the manifest promises 0.9000' in row['excluded']


def test_engines_are_measured_beside_onnx_runtime(tmp_path, bundle, given, tensorrt_double):
    double = tensorrt_double(version='8.2.1', sm=53)
    store = EngineStore(str(tmp_path / 'engines'))
    for precision in ('fp32', 'fp16'):
        compile_engine(bundle, store, precision, CompileOptions(), Progress(io.StringIO(), 0.01))
    double.faults.nan = True
    found = rows(bundle, given, engines=store.folder, precision='fp16')
    assert found['tensorrt:fp16']['problem']['code'] == 'golden-mismatch'
    double.faults.nan = False
    row = rows(bundle, given, engines=store.folder, backend='tensorrt')['tensorrt:fp32']
    assert row['problem'] is None and row['n'] == ROUNDS * (1 + FRAMES)
    (fp32,) = [entry for entry in store.list() if entry.key.precision == 'fp32']
    assert row['bytes'] == fp32.record['plan']['bytes'] and row['backend']['name'] == 'tensorrt'
    assert double.leaks() == []


def test_a_candidate_that_fails_later_has_no_figures(bundle, given):
    candidates = {candidate.name: candidate for candidate in every_candidate(bundle, Runtime(threads=1))}
    sound = candidates['onnxruntime-cpu:fp32']
    made = []

    def make():
        if made:
            raise BackendError('backend-load', 'No memory left.')
        made.append(1)
        return sound.make()

    offered = [Candidate('breaks', 'fp32', make, 'stub', 'fp32', 30.0), sound]
    broken, fine = measure(bundle, offered, given, ROUNDS, 1)
    assert broken['problem']['code'] == 'backend-load' and broken['n'] == 0 and broken['median_ms'] is None
    assert fine['n'] == ROUNDS * (1 + FRAMES)


def test_without_a_baseline_nothing_is_measured(tmp_path, given):
    manifest = document()
    manifest['golden'] = dict(manifest['golden'], confidence_tolerance=1e-9)
    broken = open_bundle(bundles.write(tmp_path / 'b', manifest, files()))
    with pytest.raises(BundleError) as caught:
        rows(broken, given)
    assert caught.value.code == 'golden-mismatch'


def test_of_two_networks_both_are_run_and_weighed(tmp_path):
    pair = open_bundle(bundles.write_pair(tmp_path / 'pair'))
    row = rows(pair, feeds(pair, 1), backend='onnxruntime')['onnxruntime-cpu:fp32']
    assert row['excluded'] == '' and row['backend']['classifier']['variant'] == 'fp32'
    assert row['bytes'] == sum(len(network.model) for network in pair.networks)
    assert set(row['proof']) == {'labels_agreement', 'confidence_error', 'finding_error'}
