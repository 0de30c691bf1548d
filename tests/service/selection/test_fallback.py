"""An engine runs if it fits and proves itself; otherwise ONNX Runtime runs, and the reason is reported."""
import glob
import io
import os
import sys

import pytest

from jetson.compile import CompileOptions, Progress, compile_engine
from service.bundle import open_bundle
from service.doctor import check_model
from service.engines import EngineStore
from service.messages import OK, WARNING, BackendError, BundleError
from service.pipeline import Pipeline
from service.selection import Runtime
from service.settings import Settings
from service.thermogram import Thermogram
from tests.fakes import bundles
from tests.fakes.variants import write_variants


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_variants(tmp_path_factory.mktemp('variants') / 'bundle')


@pytest.fixture(params=['pycuda', 'driver'])
def nano(request, tensorrt_double):
    """A Nano with pycuda, and one as it is delivered."""
    return tensorrt_double(version='8.2.1', sm=53, cuda=request.param)


@pytest.fixture
def engines(folder, tmp_path, nano):
    """The folder with an FP16 engine that was compiled on this fake Nano."""
    store = EngineStore(str(tmp_path / 'engines'))
    build(folder, store.folder, 'fp16')
    return store.folder


def build(folder, engines, precision, **options):
    compile_engine(open_bundle(folder), EngineStore(engines), precision, CompileOptions(**options),
                   Progress(io.StringIO(), 0.01))


def run(folder, engines, **runtime):
    """(backend as the pipeline names it, result of a frame)."""
    with Pipeline.from_folder(folder, runtime=Runtime(engines=engines, threads=1, **runtime)) as pipeline:
        return pipeline.backend, pipeline.analyse(Thermogram.from_celsius(bundles.warm_square(), source='x'))


def spoil(engines):
    (plan,) = glob.glob(os.path.join(engines, '*.plan'))
    with open(plan, 'r+b') as stream:
        stream.seek(40)
        stream.write(b'\xff\xff')


def first_note(backend):
    return backend['passed_over'][0]['subject'], backend['passed_over'][0]['code']


def test_the_engine_runs_and_names_itself_in_the_result(folder, engines, nano):
    backend, result = run(folder, engines)
    assert backend['passed_over'] == [] and backend['name'] == 'tensorrt'
    # TensorRT lowers the FP32 file itself: computed in FP16, from that file.
    assert result.backend['precision'] == 'fp16' and result.backend['variant'] == 'fp32-logits'
    assert result.backend['version'] == nano.tensorrt.__version__ and result.backend['engine'].startswith('fp16-')
    assert nano.leaks() == []


def test_an_engine_that_gives_logits_answers_like_the_others(folder, tmp_path, nano):
    engines = str(tmp_path / 'logits')
    build(folder, engines, 'fp32', from_logits=True)
    backend, result = run(folder, engines, backend='tensorrt')
    assert backend['name'] == 'tensorrt' and backend['variant'] == 'fp32-logits'
    expected = run(folder, '')[1]
    assert (result.labels == expected.labels).all() and result.outcome == expected.outcome


def test_a_damaged_engine_is_passed_over_with_the_reason(folder, engines):
    spoil(engines)
    backend, result = run(folder, engines)
    assert first_note(backend) == ('tensorrt:fp16', 'engine-tampered')
    assert 'thermoscreen compile' in backend['passed_over'][0]['next_step']
    assert result.backend['name'] == 'onnxruntime' and result.backend['precision'] == 'fp32'


def test_an_engine_of_another_release_or_board_is_passed_over(folder, engines, tensorrt_double):
    tensorrt_double(version='8.0.1', sm=53)
    assert first_note(run(folder, engines)[0]) == ('tensorrt:fp16', 'engine-stale')
    tensorrt_double(version='8.2.1', sm=72)
    assert first_note(run(folder, engines)[0]) == ('tensorrt:fp16', 'engine-foreign')


def test_without_tensorrt_the_engine_is_passed_over(folder, engines, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    backend, _ = run(folder, engines)
    assert first_note(backend)[0] == 'tensorrt:fp16' and backend['name'] == 'onnxruntime'


def test_an_engine_with_a_wrong_answer_is_passed_over_and_leaves_no_memory(folder, engines, nano):
    build(folder, engines, 'fp32')
    nano.faults.nan = True  # of FP16 engines alone
    backend, _ = run(folder, engines)
    assert first_note(backend) == ('tensorrt:fp16', 'golden-mismatch')
    assert (backend['name'], backend['precision']) == ('tensorrt', 'fp32')
    assert nano.leaks() == []


@pytest.mark.parametrize('fault', ['bad_plan', 'no_context', 'out_of_memory', 'no_device'])
def test_whatever_keeps_the_engine_from_loading_the_service_starts(folder, engines, nano, fault):
    setattr(nano.faults, fault, True)
    backend, result = run(folder, engines)
    assert backend['passed_over'][0]['subject'] == 'tensorrt:fp16' and result.backend['name'] == 'onnxruntime'
    assert '\n' not in backend['passed_over'][0]['sentence']


def test_doctor_says_what_to_do_about_cuda_and_not_about_the_engine(folder, engines, nano):
    nano.faults.no_device = True
    report = check_model(Settings(bundle=folder, engines=engines, allow_unsigned=True, threads=1))
    assert report.severity == WARNING and 'Passed over tensorrt:fp16: The GPU cannot be used (' in report.sentence
    assert 'group video' in report.next_step and 'engine' not in report.next_step


def test_a_board_without_an_engine_says_why_it_can_have_none(folder, tmp_path, nano):
    assert run(folder, str(tmp_path))[0]['passed_over'][0]['code'] == 'backend-provider'
    nano.faults.no_device = True
    backend, result = run(folder, str(tmp_path))
    assert first_note(backend) == ('tensorrt', 'cuda-missing') and result.backend['name'] == 'onnxruntime'
    assert backend['passed_over'][0]['severity'] == WARNING
    assert first_note(run(folder, str(tmp_path), backend='onnxruntime')[0])[1] == 'backend-provider'


def test_tensorrt_alone_does_not_fall_back(folder, engines):
    spoil(engines)
    with pytest.raises(BackendError) as caught:
        run(folder, engines, backend='tensorrt')
    assert caught.value.code == 'engine-tampered'
    assert run(folder, engines, backend='onnxruntime')[0]['passed_over'][0]['code'] == 'backend-provider'


def test_doctor_names_the_engine_and_what_was_passed_over(folder, engines, nano):
    settings = Settings(bundle=folder, engines=engines, allow_unsigned=True, threads=1)
    report = check_model(settings)
    assert report.severity == OK and 'tensorrt %s fp16' % nano.tensorrt.__version__ in report.sentence
    spoil(engines)
    report = check_model(settings)
    assert report.severity == WARNING and 'onnxruntime' in report.sentence
    assert 'Passed over tensorrt:fp16: The engine ' in report.sentence
    assert report.next_step == 'Build the engine again with thermoscreen compile %s.' % folder
    assert report.facts['backend']['passed_over'][0]['code'] == 'engine-tampered'


def test_doctor_with_a_broken_bundle_is_still_a_problem(folder, engines, monkeypatch):
    def refuse(bundle, infer, variant):
        raise BundleError('golden-mismatch', 'Not the golden answer.')

    monkeypatch.setattr('service.selection.startup.prove', refuse)
    report = check_model(Settings(bundle=folder, engines=engines, allow_unsigned=True, threads=1))
    assert report.severity == 'problem' and report.code == 'golden-mismatch'
