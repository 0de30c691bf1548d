"""Verbs are listed without being loaded; a missing library is told from a bug in a verb."""
import importlib
import subprocess
import sys

import pytest
from click.testing import CliRunner

from service.cli import program, verbs
from service.plugins import metadata


@pytest.fixture
def register(monkeypatch, tmp_path):
    """Register one verb: its name, and the text of its module or the target of one that is there."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name, text='', target=''):
        if text:
            module = 'verb_of_%s' % tmp_path.name.strip('_')
            (tmp_path / (module + '.py')).write_text(text)
            importlib.invalidate_caches()
            target = module + ':command'
        monkeypatch.setattr(verbs, 'registered', lambda: {name: metadata.EntryPoint(name, target, verbs.GROUP)})
    return install


def run(*arguments):
    return CliRunner().invoke(program, list(arguments))


def test_a_verb_whose_package_is_missing_is_not_listed_and_says_so(register):
    register('train', target='no_such_package.cli:train')
    assert 'train' not in run('--help').output
    result = run('train')
    assert result.exit_code == 1 and 'train needs no_such_package, which is not installed here' in result.output


@pytest.mark.parametrize('text, library', [
    ('import no_such_library', 'no_such_library'), ('import no_such_library.part', 'no_such_library'),
    ('raise ImportError("it needs one", name="no_such_library")', 'no_such_library')])
def test_a_missing_library_is_named(register, text, library):
    register('train', text)
    result = run('train')
    assert result.exit_code == 1 and 'train needs %s, which is not installed here' % library in result.output


@pytest.mark.parametrize('text', ['from service.readers import read_thermogramm', 'import service.no_such_module',
                                  'from json import no_such_name', 'from . import sibling', 'comand = 1',
                                  'raise ImportError("nobody knows of what")'])
def test_a_bug_in_a_verb_is_not_called_a_missing_library(register, text):
    register('train', text)
    result = run('train')
    assert isinstance(result.exception, (ImportError, AttributeError)) and 'not installed' not in result.output


def test_a_verb_that_cannot_be_loaded_does_not_end_the_help(register):
    register('divine', 'from service.readers import read_thermogramm')
    result = run('--help')
    assert result.exit_code == 0 and 'divine' in result.output and '--debug' in result.output


def test_a_verb_without_a_summary_is_asked_for_its_line(register):
    register('divine', 'import click\n@click.command()\ndef command():\n    """Look into the crystal ball."""\n')
    assert 'Look into the crystal ball.' in run('--help').output


def test_help_loads_no_verb_and_nothing_heavy(root):
    text = ("import sys; sys.argv = ['thermoscreen', '--help']\nfrom service.cli import main\ntry:\n    main()\n"
            "except SystemExit:\n    print('|'.join(sorted(sys.modules)))")
    output = subprocess.check_output([sys.executable, '-c', text], cwd=str(root), universal_newlines=True)
    assert 'analyse' in output and 'serve' in output
    loaded = output.splitlines()[-1].split('|')
    assert [name for name in loaded if name.startswith('service.')] == [
        'service.cli', 'service.cli.main', 'service.cli.verbs', 'service.logbook', 'service.messages',
        'service.plugins']
    assert not {'numpy', 'cv2', 'flask', 'jetson', 'models', 'export', 'torch'} & set(loaded)
