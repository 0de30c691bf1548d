"""Every verb explains itself, with an example, and its summary is the one that ``--help`` shows."""
import configparser
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import program
from service.cli.verbs import GROUP, SUMMARIES, registered
from service.plugins import metadata

_SETUP = configparser.ConfigParser()
_SETUP.read(str(Path(__file__).resolve().parents[2] / 'setup.cfg'))
OFFERED = dict(line.split(' = ') for line in _SETUP['options.entry_points'][GROUP].strip().splitlines())
ENTRIES = dict(registered(), **{name: metadata.EntryPoint(name, target, GROUP) for name, target in OFFERED.items()})
LISTED = [name for name in program.list_commands(None) if name in ENTRIES]


def _command(verb):
    try:
        return ENTRIES[verb].load()
    except ImportError as error:
        if not SUMMARIES[verb].needs:
            raise
        pytest.skip('%s needs the workstation half: %s' % (verb, error))


@pytest.mark.parametrize('verb', sorted(ENTRIES))
def test_help_has_an_example(verb):
    result = CliRunner().invoke(_command(verb), ['--help'], obj={'debug': False})
    assert result.exit_code == 0, result.output
    assert 'Example' in result.output
    assert 'thermoscreen %s' % verb in result.output


@pytest.mark.parametrize('verb', sorted(ENTRIES))
def test_summary_is_the_first_sentence_of_the_help(verb):
    assert SUMMARIES[verb].line == _command(verb).get_short_help_str(200)


def test_every_summary_has_its_verb():
    assert set(SUMMARIES) == set(ENTRIES)


@pytest.mark.parametrize('verb', LISTED)
def test_a_listed_verb_can_be_loaded(verb):
    ENTRIES[verb].load()


def test_installation_offers_every_verb():
    try:
        installed = metadata.distribution('thermoscreen')
    except metadata.PackageNotFoundError:
        pytest.skip('thermoscreen is not installed in this environment')
    offered = {entry.name: entry.value for entry in installed.entry_points if entry.group == GROUP}
    assert offered == OFFERED


#: What is said in a sentence: a verb, perhaps one of its own, and the options that follow at once.
_SAID = re.compile(r'thermoscreen ([a-z]+)((?: [a-z-]+)*)')
#: Words that follow the name of the program and are no verb of it.
_WORDS = {'is', 'itself', 'through', 'thermoscreen', 'continues', 'de', 'exam', 'certificate', 'capture', 'export',
          'backup'}


def _sentences():
    """What the device half says of the program, with its file; docstrings have other quotes."""
    top = Path(__file__).resolve().parents[2]
    for package in ('service', 'jetson', 'calibration'):
        for path in sorted((top / package).rglob('*.py')):
            for text in re.findall(r"(?<![b\w])'[^'\n]*thermoscreen [^'\n]*'", path.read_text(encoding='utf-8')):
                yield path.relative_to(top), text


def test_every_verb_that_a_next_step_names_is_there():
    found = 0
    for path, text in _sentences():
        for verb, more in _SAID.findall(text):
            if verb not in ENTRIES:
                assert verb in _WORDS, (path, text)
                continue
            found += 1
            command = ENTRIES[verb].load() if not SUMMARIES[verb].needs else None
            words = more.split()
            if command is not None and hasattr(command, 'commands') and words:
                assert words[0] in command.commands or words[0] in ('and', 'with', 'on', 'writes', 'does'), (path, text)
            options = re.findall(r'thermoscreen %s(?: [a-z-]+)* (--[a-z-]+)' % verb, text)
            inner = command.commands.get(words[0]) if words and hasattr(command, 'commands') else command
            for option in options if inner is not None else ():
                assert any(option in getattr(parameter, 'opts', ()) for parameter in inner.params), (path, text)
    assert found > 30
