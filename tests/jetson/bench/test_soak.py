"""Soaks on a simulated clock: memory, slow frames, restarts, and resuming."""
import copy
import json

import pytest
from click.testing import CliRunner

from jetson.bench import soak as module
from jetson.bench.cli import bench
from jetson.bench.record import read_document
from jetson.bench.soak import Soak, SoakProtocol, judge_soak
from jetson.platform import SimulatedPlatform
from service.messages import BackendError, InputError, StorageError
from tests.jetson.bench.conftest import steady
from tests.jetson.bench.stubs import STAGES_MS, Hand, StubCamera, StubPipeline, gone, settings, stubbed

_MIB = 1 << 20


@pytest.fixture
def soak(monkeypatch, tmp_path):
    """``soak(...)`` runs one over the pretence and returns it."""
    def run(hours=0.02, plan=lambda number: STAGES_MS, trouble=lambda sequence: None, memory=lambda: 200 * _MIB,
            earlier=None, clock=None, interval_s=6.0, platform=None):
        clock = clock or Hand()
        pipeline, camera = StubPipeline(clock, plan), StubCamera(clock, trouble=trouble)
        pauses = []
        found = Soak(settings(), SoakProtocol(hours, 'sim', str(tmp_path), interval_s), platform or steady(clock),
                     lambda: pipeline, earlier, clock, pauses.append)
        found.pipeline, found.pauses = pipeline, pauses
        monkeypatch.setattr(module, 'resident_bytes', memory)
        run.last = found
        with stubbed(monkeypatch, module, pipeline, camera):
            found.run()
        return found
    return run


def codes(document):
    return [reason['code'] for reason in document['findings']['reasons']]


def test_a_steady_soak_has_no_findings(soak, tmp_path):
    found = soak()
    document = read_document(str(tmp_path), 'soak')
    assert document == json.loads(json.dumps(found.document)) and document['complete'] and codes(document) == []
    assert document['findings']['hours'] >= 0.02 and len(document['points']) == 12 and document['sessions'] == 1
    assert document['findings']['memory']['slope_mib_h'] == pytest.approx(0)
    assert all(point['n'] in (60, 61) for point in document['points'])


def test_growing_memory_is_found_with_its_interval(soak):
    clock = Hand()
    began = clock.now_s
    document = soak(clock=clock, memory=lambda: int((200 + (clock.now_s - began) / 3600 * 50) * _MIB)).document
    assert codes(document) == ['memory-grows']
    grown = document['findings']['memory']
    assert grown['low'] <= grown['slope_mib_h'] <= grown['high'] and grown['slope_mib_h'] == pytest.approx(50, rel=0.02)


def test_a_growing_p99_is_found(soak):
    document = soak(plan=lambda number: dict(STAGES_MS, infer=20 + 0.05 * number)).document
    assert codes(document) == ['p99-drift'] and document['findings']['p99_drift'] > 0.1


def test_a_failure_is_a_restart_and_the_soak_continues(soak):
    def plan(number):
        if number == 200:
            raise BackendError('backend-stuck', 'The model gave no answer.')
        return STAGES_MS

    found = soak(plan=plan)
    document = found.document
    assert document['complete'] and codes(document) == ['restarts'] and found.pipeline.starts == 2
    assert document['restarts'][0]['code'] == 'backend-stuck' and 0 < document['restarts'][0]['t_h'] < 0.02
    assert found.pauses == [1.0]


def test_pauses_grow_and_the_soak_ends_after_repeated_failures(soak):
    with pytest.raises(Exception) as caught:
        soak(trouble=lambda sequence: gone() if soak_frames(soak) > 100 else None)
    assert caught.value.code == 'camera-gone'
    pauses = soak.last.pauses
    assert pauses == sorted(pauses) and pauses[0] == 1.0 and max(pauses) <= 60.0 and len(pauses) >= 5
    assert len(soak.last.document['restarts']) == len(pauses) and not soak.last.document['complete']


def soak_frames(soak):
    return soak.last.pipeline.frames


def test_the_first_start_that_fails_is_raised_and_nothing_is_written(soak, tmp_path):
    with pytest.raises(Exception) as caught:
        soak(trouble=lambda sequence: gone())
    assert caught.value.code == 'camera-gone'
    assert soak.last.document is None or soak.last.document['points'] == []


def test_ctrl_c_keeps_every_point_and_the_started_one(soak, tmp_path):
    def plan(number):
        if number == 200:
            raise KeyboardInterrupt
        return STAGES_MS

    with pytest.raises(KeyboardInterrupt):
        soak(plan=plan)
    document = read_document(str(tmp_path), 'soak')
    assert codes(document) == ['incomplete'] and sum(point['n'] for point in document['points']) > 180
    again = soak(earlier=document).document
    assert again['complete'] and again['sessions'] == 2 and again['measured_at'] == document['measured_at']
    assert again['points'][:len(document['points'])] == document['points']
    assert again['findings']['hours'] == pytest.approx(0.02, rel=0.1), 'what was done counts'


def test_a_soak_of_another_model_is_not_continued(soak):
    earlier = copy.deepcopy(soak().document)
    earlier['bundle']['hash'] = '1' * 64
    with pytest.raises(InputError) as caught:
        soak(hours=0.04, earlier=earlier)
    assert caught.value.code == 'soak-different'


def test_a_full_disk_ends_it_and_keeps_the_last_document(soak, tmp_path, monkeypatch):
    written = []

    def write(folder, document):
        if len(written) == 4:
            raise StorageError('disk-full', 'The disk is full.')
        written.append(write_document(folder, document))

    write_document = module.write_document
    monkeypatch.setattr(module, 'write_document', write)
    with pytest.raises(StorageError):
        soak()
    assert len(read_document(str(tmp_path), 'soak')['points']) == 4


def test_throttling_is_named(soak):
    hot = SimulatedPlatform(ambient_c=95.0, fan=False)
    hot.set_load(1.0, 1.0)
    hot._step = 3
    assert 'throttling' in codes(soak(platform=hot).document)


def test_a_restart_does_not_hide_growing_memory():
    points = [{'session': session, 'duration_s': 60.0, 'n': 5, 'p99_ms': 10.0, 'dropped': 0,
               'resident_bytes': int((100 + minute) * _MIB)} for session in (1, 2) for minute in range(30)]
    found = judge_soak({'points': points, 'restarts': [], 'complete': True})
    assert found['memory']['slope_mib_h'] == pytest.approx(60, rel=0.01)
    assert found['gpu_memory'] is None, 'not measured, so not zero'


def test_required_options_and_existing_documents(tmp_path):
    run = CliRunner().invoke
    assert run(bench, ['soak', '--hours', '1']).exit_code == 2
    assert run(bench, ['soak', '--hours', '0', '--out', str(tmp_path)]).exit_code == 2
    (tmp_path / 'soak.json').write_text('{}')
    assert run(bench, ['soak', '--hours', '1', '--out', str(tmp_path)]).exception.code == 'output-exists'
    assert run(bench, ['soak', '--hours', '1', '--out', str(tmp_path), '--resume']).exception.code == 'bench-foreign'
