"""The first backend that starts and gives the golden answer is used; what was passed over is reported."""
import logging

import pytest

from service.backends import OnnxRuntimeBackend, Worker
from service.bundle import open_bundle
from service.messages import WARNING, BackendError, BundleError, Message
from service.pipeline import Pipeline
from service.selection import Candidate, Runtime, noteworthy, start_first, start_proven, startup
from service.thermogram import Thermogram
from tests.fakes import bundles, signing
from tests.fakes.variants import write_variants


class Sound(OnnxRuntimeBackend):
    """A working backend; counts how many are loaded."""

    loaded = 0

    def _activate(self):
        super()._activate()
        Sound.loaded += 1

    def _deactivate(self):
        super()._deactivate()
        Sound.loaded -= 1


class Wrong(Sound):
    """Answers with other labels."""

    def _infer(self, feed):
        outputs = super()._infer(feed)
        return dict(outputs, labels=outputs['labels'] + 1)


class Broken(Sound):
    """Cannot be loaded."""

    def _activate(self):
        raise BackendError('engine-tampered', 'The engine is not the file that was built.')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_variants(tmp_path_factory.mktemp('variants') / 'bundle')


@pytest.fixture
def bundle(folder):
    return open_bundle(folder)


@pytest.fixture
def offer(monkeypatch):
    """Make these backends the plan, in this order."""
    def install(*kinds, notes=()):
        def offered(bundle, runtime):
            return [Candidate('%d:%s' % (number, kind.__name__), 'fp32', maker(bundle, kind), 'stub', 'fp32', 30.0)
                    for number, kind in enumerate(kinds)], list(notes)
        monkeypatch.setattr(startup, 'plan', offered)
    return install


def maker(bundle, kind):
    return lambda: kind(bundle.read_model(), bundle.inputs, bundle.outputs, 1)


def test_the_first_that_proves_itself_runs(bundle, offer, caplog):
    offer(Broken, Wrong, Sound, Sound)
    with caplog.at_level(logging.WARNING):
        found = start_first(bundle, Runtime())
    assert [message.subject for message in found.passed_over] == ['0:Broken', '1:Wrong']
    assert [message.code for message in found.passed_over] == ['engine-tampered', 'golden-mismatch']
    assert found.passed_over[0].text == 'The engine is not the file that was built.'
    assert found.proof['labels_agreement'] == 1 and Sound.loaded == 1
    assert '0:Broken was passed over' in caplog.text and '1:Wrong was passed over' in caplog.text
    found.worker.stop()
    assert Sound.loaded == 0


def test_where_none_starts_the_last_error_is_raised_and_nothing_stays_loaded(bundle, offer):
    offer(Broken, Wrong)
    with pytest.raises(BundleError) as caught:
        with Pipeline(bundle, runtime=Runtime()):
            pytest.fail('it must not start')
    assert caught.value.code == 'golden-mismatch' and Sound.loaded == 0


def test_an_unexpected_exception_is_passed_over_too(bundle, offer):
    class Faulty(Sound):
        def _activate(self):
            raise ZeroDivisionError('of the library')

    offer(Faulty, Sound)
    found = start_first(bundle, Runtime())
    found.worker.stop()
    assert found.passed_over[0].code == 'backend-load'


def test_an_ignored_choice_is_listed_first(bundle, offer):
    known = Message('choice-stale', 'Measured elsewhere.', severity=WARNING, subject='choice.json')
    offer(Broken, Sound, notes=[known])
    with Pipeline(bundle, runtime=Runtime()) as pipeline:
        assert pipeline.passed_over[0] == known and len(pipeline.passed_over) == 2
        assert pipeline.backend['passed_over'][0] == {'subject': 'choice.json', 'code': 'choice-stale', 'next_step': '',
                                                      'severity': 'warning', 'sentence': 'Measured elsewhere.'}


def test_an_absent_backend_is_listed_but_not_noteworthy(folder, monkeypatch):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: ['CPUExecutionProvider'])
    with Pipeline.from_folder(folder, runtime=Runtime(threads=1)) as pipeline:
        backend, messages = pipeline.backend, pipeline.passed_over
        result = pipeline.analyse(Thermogram.from_celsius(bundles.warm_square(), source='x'))
    passed_over = {message['subject']: message['code'] for message in backend['passed_over']}
    assert passed_over == {'onnxruntime-tensorrt:fp32': 'backend-provider', 'onnxruntime-cuda:fp32': 'backend-provider'}
    assert noteworthy(messages) == []
    assert (backend['name'], backend['provider'], backend['device']) == ('onnxruntime', 'CPUExecutionProvider', 'CPU')
    assert (backend['precision'], backend['variant'], backend['threads']) == ('fp32', 'fp32', 1)
    # A result names what ran, not what did not.
    del backend['passed_over']
    assert result.to_dict()['backend'] == backend


@pytest.mark.parametrize('precision, variant', [('fp16', 'fp16'), ('int8', 'int8-qdq')])
def test_another_precision_is_named_in_the_result(folder, precision, variant):
    with Pipeline.from_folder(folder, runtime=Runtime(precision=precision, threads=1)) as pipeline:
        assert pipeline.backend['precision'] == precision and pipeline.backend['variant'] == variant


def test_a_variant_keeps_its_own_tolerances(folder, tmp_path):
    assert start_stop(open_bundle(folder), 'int8-qdq', 'int8-qdq')['labels_agreement'] < 0.999
    with pytest.raises(BundleError) as caught:
        start_stop(open_bundle(folder), 'int8-qdq', 'fp32')
    assert caught.value.code == 'golden-mismatch'


def start_stop(bundle, name, tolerances):
    variant = bundle.variants[name]
    worker = Worker(lambda: OnnxRuntimeBackend(bundle.read_model(name), bundle.inputs, variant.outputs, 1))
    found = start_proven(bundle, worker, tolerances)
    worker.stop()
    return found.proof


def test_without_a_runtime_the_baseline_runs(folder):
    with Pipeline.from_folder(folder, 1) as pipeline:
        assert pipeline.backend['threads'] == 1 and pipeline.backend['precision'] == 'fp32'
        assert pipeline.backend['passed_over'] == []


def test_an_unsigned_bundle_is_not_started(folder):
    with pytest.raises(BundleError) as caught:
        Pipeline.from_folder(folder, trust=signing.TRUST)
    assert caught.value.code == 'bundle-unsigned'


@pytest.mark.parametrize('order', ['classify-then-segment', 'segment-then-classify'])
def test_two_networks_start_in_one_worker_and_are_both_proven(tmp_path, order):
    folder = bundles.write_pair(tmp_path / 'pair', bundles.pair_document(order))
    with Pipeline.from_folder(folder, runtime=Runtime(threads=1)) as pipeline:
        assert set(pipeline.proof) == {'labels_agreement', 'confidence_error', 'finding_error'}
        assert pipeline.backend['variant'] == pipeline.backend['classifier']['variant'] == 'fp32'
        frame = Thermogram.from_celsius(bundles.warm_square(480, 640), source='x')
        result = pipeline.analyse(frame)
    stages = {'infer', 'infer_classifier'} & set(result.timings_ms)
    assert stages == {'infer_classifier' if order.startswith('classify') else 'infer'}


def test_a_classifier_with_another_answer_stops_the_start(tmp_path):
    manifest = bundles.pair_document()
    manifest['classifier']['golden']['finding_tolerance'] = 1e-9
    with pytest.raises(BundleError) as caught:
        Pipeline.from_folder(bundles.write_pair(tmp_path / 'pair', manifest), 1).__enter__()
    assert caught.value.code == 'golden-mismatch'
