"""``thermoscreen convert`` from the command line."""
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

from service.cli import program
from service.messages import InputError
from service.readers import read_thermogram
from tests.fakes.flir_files import flir_jpeg, frame
from tests.service.readers.files import body_c, png


@pytest.fixture
def flir(tmp_path):
    path = tmp_path / 'IMG_1.jpg'
    path.write_bytes(flir_jpeg(frame(body_c())))
    return path


def run(*arguments):
    return CliRunner().invoke(program, ['convert'] + [str(argument) for argument in arguments])


def test_a_file_is_converted_and_said_so(flir, tmp_path):
    result = run(flir, tmp_path / 'visit.tscap')
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].endswith('visit.tscap: one frame, 80x60, 23.00 to 32.98 °C at emissivity 0.98.')
    assert '  taken with a FLIR i7' in lines


def test_an_emissivity_is_corrected_and_told(flir, tmp_path):
    run(flir, tmp_path / 'visit.tscap')
    result = run(tmp_path / 'visit.tscap', tmp_path / 'out.csv', '--emissivity', 0.9, '--reflected', 25, '--air', 23,
                 '--humidity', 40, '--distance', 2, '--window', 24, '--window-transmission', 0.9, '--json')
    report = json.loads(result.output)
    assert report['emissivity'] == 0.9 and report['frames'] == 1
    said = [note for note in report['notes'] if 'instead of' in note]
    assert [note.split(' instead')[0] for note in said] == [
        'computed with air temperature 23', 'computed with distance 2', 'computed with emissivity 0.9',
        'computed with relative humidity 40', 'computed with reflected temperature 25',
        'computed with temperature of the window 24', 'computed with transmission of the window 0.9']
    document = {'emissivity': 0.9, 'reflected_c': 25, 'distance_m': 2, 'air_c': 23, 'humidity_percent': 40,
                'window_c': 24, 'window_transmission': 0.9}
    (tmp_path / 'IMG_1.json').write_text(json.dumps(document))
    assert np.array_equal(read_thermogram(tmp_path / 'out.csv').pixels, read_thermogram(flir).pixels)


def test_a_picture_is_called_one(tmp_path):
    (tmp_path / 'scan.png').write_bytes(png(np.uint8(body_c())))
    result = run(tmp_path / 'scan.png', tmp_path / 'scan.tscap')
    assert result.exit_code == 0 and 'grey levels without temperatures' in result.output and '°C' not in result.output


@pytest.mark.parametrize('options, code', [
    (['--emissivity', '0'], 'radiometry-value'), (['--emissivity', 'nan'], 'radiometry-value'),
    (['--distance', '-1'], 'radiometry-value'), (['--frame', '2'], 'frame-missing')])
def test_a_value_that_cannot_be(flir, tmp_path, options, code):
    result = run(flir, tmp_path / 'out.csv', *options)
    assert isinstance(result.exception, InputError) and result.exception.code == code
    assert os.listdir(str(tmp_path)) == ['IMG_1.jpg']


def test_force(flir, tmp_path):
    assert run(flir, tmp_path / 'out.npy').exit_code == 0
    assert run(flir, tmp_path / 'out.npy').exception.code == 'output-exists'
    assert run(flir, tmp_path / 'out.npy', '--force').exit_code == 0


def test_a_doubtful_header_is_told(tmp_path):
    path = tmp_path / 'IMG_1.jpg'
    path.write_bytes(flir_jpeg(frame(body_c(), patch=[(0x34, 'f', 0.82)])))
    result = run(path, tmp_path / 'out.csv')
    assert '  Warning: The transmission of the window is 0.82, where 1 is usual.' in \
        result.output
    report = json.loads(run(path, tmp_path / 'out.npy', '--json').output)
    assert [warning['facts'] for warning in report['warnings']] == [{'window_transmission': 0.82}]
    overruled = run(path, tmp_path / 'right.npy', '--window-transmission', '1', '--json')
    assert json.loads(overruled.output)['warnings'] == []
