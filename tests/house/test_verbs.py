"""Every verb explains itself, with an example."""
import configparser
import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner

_SETUP = configparser.ConfigParser()
_SETUP.read(str(Path(__file__).resolve().parents[2] / 'setup.cfg'))
VERBS = dict(line.split(' = ') for line in
             _SETUP['options.entry_points']['thermoscreen.verbs'].strip().splitlines())


@pytest.mark.parametrize('verb', sorted(VERBS))
def test_help_has_an_example(verb):
    module, attribute = VERBS[verb].split(':')
    try:
        command = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        if module.startswith('service.') or error.name.split('.')[0] in ('models', 'export'):
            raise
        pytest.skip('%s needs the workstation half: %s' % (verb, error))
    result = CliRunner().invoke(command, ['--help'], obj={'debug': False})
    assert result.exit_code == 0, result.output
    assert 'Example' in result.output
    assert 'thermoscreen %s' % verb in result.output


def test_installation_offers_every_verb():
    try:
        from importlib import metadata
    except ImportError:  # before Python 3.8
        import importlib_metadata as metadata
    try:
        installed = metadata.distribution('thermoscreen')
    except metadata.PackageNotFoundError:
        pytest.skip('thermoscreen is not installed in this environment')
    offered = {entry.name: entry.value for entry in installed.entry_points
               if entry.group == 'thermoscreen.verbs'}
    assert offered == VERBS
