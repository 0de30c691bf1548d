"""``thermoscreen support``: where it writes, and that it writes whatever is wrong."""
import contextlib
import io
import json
import os
import zipfile

import pytest
from click.testing import CliRunner

from service.cli import program
from service.cli.records import open_records
from service.messages import StorageError
from service.operators import places
from service.operators.chain import decode, read_lines
from service.settings import Settings
from service.support import bundle, parts


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bundle, 'PARTS', tuple(part for part in parts.PARTS if part.name in ('versions', 'exams')))


@pytest.fixture
def station(tmp_path):
    (tmp_path / 's.toml').write_text('[exams]\nexams_folder = "%s"\n' % (tmp_path / 'exams'))
    return Settings(exams_folder=str(tmp_path / 'exams'))


def start(settings):
    with contextlib.ExitStack() as running:
        open_records(settings, False, running)
        return [decode(line)['event'] for line in read_lines(places(settings.exams_folder).audit)]


def run(tmp_path, *words):
    return CliRunner().invoke(program, ['support', '--settings', str(tmp_path / 's.toml')] + list(words))


def names(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sorted(archive.namelist())


def test_a_file_a_folder_and_standard_output(tmp_path, station):
    start(station)
    (tmp_path / 'usb').mkdir()
    for out in (str(tmp_path / 'a.zip'), str(tmp_path / 'usb')):
        result = run(tmp_path, '--out', out)
        assert result.exit_code == 0, result.output
        path = result.output.rpartition(': ')[0]
        assert path.startswith(out) and path.endswith('.zip') and os.stat(path).st_mode & 0o077 == 0
        with open(path, 'rb') as stream:
            assert names(stream.read()) == ['README.txt', 'contents.json', 'exams.json', 'versions.json']
    assert names(run(tmp_path, '--out', '-').stdout_bytes)
    assert start(station).count('support-bundle-made') == 3


def test_no_file_is_replaced(tmp_path, station):
    (tmp_path / 'a.zip').write_text('mine')
    result = run(tmp_path, '--out', str(tmp_path / 'a.zip'))
    assert result.exception.code == 'file-exists' and (tmp_path / 'a.zip').read_text() == 'mine'


def test_what_is_wrong_is_said_and_the_bundle_is_there(tmp_path, station, monkeypatch):
    def refuse(*args, **facts):
        raise StorageError('disk-read-only', 'The disk is read-only.')
    monkeypatch.setattr('service.cli.records.tell_audit', refuse)
    result = run(tmp_path, '--out', str(tmp_path / 'a.zip'), '--json')
    told = json.loads(result.output)
    assert result.exit_code == 0 and [problem['code'] for problem in told['problems']] == [
        'exams-folder', 'disk-read-only'] and os.path.getsize(told['file']) == told['bytes']
    (tmp_path / 's.toml').write_text('[exams\n')
    result = run(tmp_path, '--out', str(tmp_path / 'b.zip'))
    assert result.exit_code == 0 and (tmp_path / 'b.zip').exists()
