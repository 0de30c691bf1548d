"""Cold starts."""
import json
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from jetson.bench import cold as module
from jetson.bench import first_result as first
from jetson.bench import runs
from jetson.bench.cli import bench
from jetson.bench.cold import engine_build, measure_cold, start_once
from jetson.bench.first_result import STEPS, first_result
from jetson.bench.record import check_document, read_document
from jetson.platform import SimulatedPlatform
from service.messages import BackendError, InputError, ThermoscreenError
from service.settings import load_settings
from tests.fakes import bundles, signing
from tests.jetson.bench.stubs import IDENTITY, Hand, SteppedCapture, StubCamera, StubPainter, StubPipeline, settings


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Options of a start with a small bundle that the settings trust."""
    folder = tmp_path_factory.mktemp('cold')
    (folder / 'settings.toml').write_text('[model]\ntrusted_keys = "%s"\nthreads = 1\nbackend = "onnxruntime"\n'
                                          % signing.write_public(folder / 'public'))
    bundle = signing.sign(bundles.write(folder / 'bundle'))
    return {'settings': str(folder / 'settings.toml'), 'bundle': bundle,
            'camera': 'sim:1?rate=100&width=160&height=120'}


def start(total_ms):
    return {'steps_ms': dict.fromkeys(STEPS, total_ms / len(STEPS)), 'total_ms': total_ms, 'bundle': IDENTITY,
            'backend': {'name': 'stub', 'precision': 'fp32'}, 'outcome': 'result'}


def test_median_and_every_start():
    totals = [900.0, 300.0, 600.0]
    words = []
    document = measure_cold(3, {}, settings(), SimulatedPlatform(), launch=lambda options: start(totals.pop(0)),
                            progress=words.append)
    check_document(document)
    assert [entry['total_ms'] for entry in document['starts']] == [900, 300, 600]
    assert document['median']['total_ms'] == 600 and document['median']['steps_ms']['engine'] == pytest.approx(100)
    assert words[-1] == 'Start 3 of 3' and 'engine_build' not in document


def test_steps_on_a_clock_of_the_test(monkeypatch):
    clock = Hand()
    pipeline = StubPipeline(clock)
    monkeypatch.setattr(first, 'make_pipeline', lambda settings: clock.spend(70) or pipeline)
    monkeypatch.setattr(StubPipeline, '__enter__', lambda self: clock.spend(500) or self)
    monkeypatch.setattr(first, 'make_camera', lambda spec: StubCamera(clock, late_ms=100))
    monkeypatch.setattr(runs, 'Capture', SteppedCapture)
    monkeypatch.setattr(first, 'Painter', lambda *words: StubPainter(pipeline))
    began_s = clock()
    clock.spend(300)
    found = first_result(began_s, settings(), clock)
    assert found['steps_ms'] == pytest.approx({'start': 300, 'bundle': 70, 'engine': 500, 'camera': 100, 'frame': 30,
                                               'picture': 10})
    assert found['total_ms'] == pytest.approx(sum(found['steps_ms'].values())) and found['outcome'] == 'result'


@pytest.mark.slow
def test_a_real_start(installed, tmp_path):
    options = ['--settings', installed['settings'], '--bundle', installed['bundle'], '--camera', installed['camera']]
    out = str(tmp_path / 'out')
    result = CliRunner().invoke(bench, ['cold', '--starts', '1', '--out', out, '--json'] + options)
    assert result.exit_code == 0, result.exception
    document = read_document(out, 'cold')
    only = document['starts'][0]
    assert set(only['steps_ms']) == set(STEPS) and all(value > 0 for value in only['steps_ms'].values())
    assert sum(only['steps_ms'].values()) == pytest.approx(only['total_ms'])
    assert document['backend']['name'] == 'onnxruntime' and document['bundle']['id'] == 'tiny'


@pytest.mark.slow
def test_a_failed_start_raises_the_error_it_reported(installed):
    with pytest.raises(ThermoscreenError) as caught:
        start_once(dict(installed, bundle='/nonexistent'))
    assert caught.value.code == 'bundle-missing' and caught.value.exit_code == 3


@pytest.mark.parametrize('program, code', [('import sys; sys.exit("no numpy")', 'cold-failed'),
                                           ('import time; time.sleep(60)', 'cold-hung')])
def test_a_start_without_output(monkeypatch, program, code):
    real = module.subprocess.Popen
    monkeypatch.setattr(module.subprocess, 'Popen',
                        lambda command, **options: real([sys.executable, '-c', program], **options))
    with pytest.raises(BackendError) as caught:
        start_once({}, timeout_s=0.2 if code == 'cold-hung' else 60)
    assert caught.value.code == code and ('no numpy' in caught.value.message.text) == (code == 'cold-failed')


def test_build_time_of_the_engine_that_runs(monkeypatch):
    record = {'seconds': 312.5, 'built_at': '2026-01-01T00:00:00Z'}
    entries = [SimpleNamespace(name='fp16-abc', record=record), SimpleNamespace(name='fp32-abc', record=None)]
    monkeypatch.setattr(module, 'EngineStore', lambda folder: SimpleNamespace(list=lambda: entries))
    assert engine_build('/engines', {'engine': 'fp16-abc'}) == dict(record, engine='fp16-abc')
    assert engine_build('/engines', {'engine': 'fp32-abc'}) is None
    assert engine_build('/engines', {'name': 'onnxruntime'}) is None and engine_build('', {'engine': 'x'}) is None


def test_an_existing_measurement_is_not_overwritten(tmp_path):
    (tmp_path / 'cold.json').write_text('{}')
    result = CliRunner().invoke(bench, ['cold', '--out', str(tmp_path)])
    assert isinstance(result.exception, InputError) and result.exception.code == 'output-exists'


def test_the_page_names_the_machine_and_the_engine(monkeypatch):
    document = dict(json.loads(json.dumps(measure_cold(1, {}, load_settings(None), SimulatedPlatform(),
                                                       launch=lambda options: start(600.0)))),
                    engine_build={'engine': 'fp16-abc', 'seconds': 312.5, 'built_at': 'then'})
    monkeypatch.setattr(module, 'measure_cold', lambda *words, **options: document)
    said = CliRunner().invoke(bench, ['cold', '--starts', '1'])
    assert said.exit_code == 0 and 'simulated board' in said.output and '| median' in said.output
    assert 'The engine fp16-abc was built in 312 s (then).' in said.output
