"""Faults of simulated USB cameras, through driver and capture, in simulated time."""
import pytest
from click.testing import CliRunner

from benchmarks.faults import Cell, main, markdown, run_cell
from service.cameras.v4l2.simulated import FAULTS

#: The code that each fault comes to at a camera with telemetry.
CODES = {'freeze': 'camera-frozen', 'ffc': 'shutter-closed', 'short': 'camera-bad-frame',
         'wrong-size': 'camera-bad-frame', 'chroma': 'camera-bad-frame', 'saturated': 'saturated',
         'drift': 'picture-drifts', 'duplicate': 'camera-bad-frame', 'unplug': 'camera-gone', 'replug': 'camera-gone'}

#: A picture that may be used is there so long after the camera's return, at the latest.
BACK_S = 5.0


def test_every_fault_has_its_code():
    assert set(CODES) == set(FAULTS)


@pytest.mark.parametrize('fault', sorted(CODES))
def test_a_fault_is_noticed_reported_and_recovered_from(fault):
    cell = run_cell('lepton25-y16-telemetry', fault, rate_hz=5)
    assert cell.complete, cell
    assert cell.code == CODES[fault] and 0 <= cell.recovered_s <= BACK_S
    assert cell.sentence.endswith('.') and cell.next_step[0].isupper() and cell.next_step.endswith('.')
    assert cell.noticed_s <= (15.0 if fault == 'drift' else 2.5)


@pytest.mark.parametrize('camera, fault, code', [
    ('p2pro', 'ffc', 'camera-frozen'), ('p2pro', 'chroma', 'camera-bad-frame'), ('p2pro', 'unplug', 'camera-gone'),
    ('boson-320', 'duplicate', 'camera-bad-frame')])
def test_a_camera_without_telemetry(camera, fault, code):
    cell = run_cell(camera, fault, rate_hz=4)
    assert cell.complete and cell.code == code and cell.recovered_s <= BACK_S


def test_drift_does_nothing_to_a_picture_that_is_stretched_by_itself():
    cell = run_cell('boson-320', 'drift', rate_hz=1)
    assert cell.untouched and cell.complete and not cell.code
    assert 'picture untouched' in markdown([cell], False)


def test_nothing_is_reported_of_a_healthy_camera():
    cell = run_cell('lepton25-y16', 'none')
    assert not cell.code and cell.noticed_s is None and cell.recovered_s == 0.0 and not cell.complete


def test_an_empty_cell_fails_the_command(monkeypatch, tmp_path):
    empty = Cell('p2pro', 'drift', 'simusb:p2pro?fault=drift')
    assert 'NEVER / NEVER' in markdown([empty], False)
    monkeypatch.setattr('benchmarks.faults.run_cell', lambda *args, **options: empty)
    answer = CliRunner().invoke(main, ['--camera', 'p2pro', '--fault', 'drift', '--json', str(tmp_path / 'cells.json')])
    assert answer.exit_code == 1 and 'Not complete: p2pro drift' in answer.output
    assert '"noticed_s": null' in (tmp_path / 'cells.json').read_text()
