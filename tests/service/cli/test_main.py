"""The program says one line and exits with a code, whatever goes wrong, and starts without a locale."""
import os
import subprocess
import sys
import tempfile

import click
import pytest
from click.testing import CliRunner

from service.cli import program
from service.cli.main import main
from service.messages import CameraError, InputError


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, 'argv', ['thermoscreen'] + list(arguments))
    with pytest.raises(SystemExit) as caught:
        main()
    captured = capsys.readouterr()
    return caught.value.code, captured.out, captured.err


@pytest.fixture
def failing(monkeypatch):
    """Make the verb `doctor` raise what the test wants."""
    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(type(program), 'get_command', lambda self, ctx, name: command)
    return install


@pytest.mark.parametrize('error, code', [
    (InputError('file-empty', 'a.txt is empty; export it again.'), 2),
    (CameraError('camera-missing', 'There is no camera; plug it in.'), 5),
])
def test_an_expected_failure_is_one_line(monkeypatch, capsys, failing, error, code):
    failing(error)
    assert run(monkeypatch, capsys, 'doctor') == (code, '', 'thermoscreen: %s [%s]\n' % (error.message.text,
                                                                                         error.code))


def test_a_fault_of_the_program_is_one_line_too(monkeypatch, capsys, failing):
    failing(ZeroDivisionError('division by zero'))
    code, out, err = run(monkeypatch, capsys, 'doctor')
    assert code == 70 and out == '' and err.count('\n') == 1
    assert 'ZeroDivisionError' in err and '--debug' in err


def test_no_folder_for_temporary_files_is_one_sentence(monkeypatch, capsys):
    """As anything that asks `tempfile` for one meets it, where every candidate is read-only."""
    @click.command()
    def command():
        with tempfile.TemporaryFile():
            pass

    monkeypatch.setattr(type(program), 'get_command', lambda self, ctx, name: command)
    monkeypatch.setattr(tempfile, 'tempdir', None)
    monkeypatch.setattr(tempfile, '_candidate_tempdir_list', lambda: ['/proc/nowhere'])
    code, out, err = run(monkeypatch, capsys, 'doctor')
    assert (code, out, err.count('\n')) == (6, '', 1)
    assert 'TMPDIR' in err and '[temporary-folder]' in err


def test_debug_shows_the_traceback(monkeypatch, failing):
    failing(ZeroDivisionError())
    monkeypatch.setattr(sys, 'argv', ['thermoscreen', '--debug', 'doctor'])
    with pytest.raises(ZeroDivisionError):
        main()


def test_an_interrupt_is_not_a_failure_report(monkeypatch, capsys, failing):
    failing(KeyboardInterrupt())
    assert run(monkeypatch, capsys, 'doctor')[0] == 130


def test_an_unknown_verb_is_named(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, 'divine')
    assert code == 2 and "'divine'" in err


@pytest.mark.parametrize('verb', ['analyse', 'doctor', 'serve', 'settings'])
def test_every_verb_explains_itself_with_an_example(verb):
    result = CliRunner().invoke(program, [verb, '--help'])
    assert result.exit_code == 0 and 'Example:' in result.output and 'thermoscreen ' + verb in result.output


@pytest.mark.parametrize('locale', [{}, {'LC_ALL': 'C'}, {'LC_ALL': 'POSIX', 'LANG': 'C'}])
def test_starts_without_a_locale(root, tmp_path, locale):
    folder = tmp_path / 'Aufnahmen-\u00e4'
    process = subprocess.run([sys.executable, '-m', 'service', 'settings', '--settings', str(folder / 'none.toml')],
                             cwd=str(root), env=dict(locale, PATH=os.environ['PATH']), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = process.stderr.decode('utf-8')
    assert process.returncode == 2 and 'settings-unreadable' in said
    assert str(folder) in said, 'the name of a file is what it was'
