import json

import pytest
from click.testing import CliRunner

from models.federated.kits import SERVER, SITE, check_policies, open_kit
from models.federated.network_cli import COMMANDS
from service.messages import InputError

from .kit_folders import NOW, Root, make_kit, put_certificate

COMMAND = {command.name: command for command in COMMANDS}


@pytest.fixture(scope='module')
def root():
    return Root()


@pytest.fixture
def kit(tmp_path, root, monkeypatch):
    monkeypatch.setattr('models.federated.launching.now', lambda: NOW)
    return make_kit(tmp_path / 'north', root)


def call(name, *words):
    result = CliRunner().invoke(COMMAND[name], [str(word) for word in words])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_harden_keeps_what_the_clinic_has_set(kit):
    call('harden', kit, '--data', '/data/ours', '--threads', '3')
    path = kit / 'local' / 'authorization.json'
    path.write_text(json.dumps({'permissions': {'project_admin': 'any'}}))
    assert 'nothing more' in call('harden', kit)
    assert check_policies(open_kit(kit, SITE)) == {'data': '/data/ours', 'threads': 3}


def test_harden_the_server(tmp_path, root):
    folder = make_kit(tmp_path / 'server', root, 'server', 'localhost')
    call('harden', folder)
    check_policies(open_kit(folder, SERVER))


def test_check_of_a_site_starts_nothing(kit, root, monkeypatch):
    asked = []
    monkeypatch.setattr('models.federated.launching.probe', asked.append)
    call('harden', kit)
    with pytest.raises(InputError, match='does not say where its thermograms are'):
        call('site', kit, '--check')
    shown = call('site', kit, '--data', '/data/ours', '--check')
    assert 'The certificate of north ends on' in shown and 'takes north' in shown and len(asked) == 1

    put_certificate(kit, root, *root.certify('south'))
    with pytest.raises(InputError, match='that of south'):
        call('site', kit, '--check')
    assert len(asked) == 1


def test_site_with_a_loosened_kit_is_refused(kit):
    call('harden', kit, '--data', '/data/ours')
    path = kit / 'local' / 'resources.json'
    path.write_text(path.read_text().replace('"allow_log_streaming": false', '"allow_log_streaming": true'))
    with pytest.raises(InputError, match='resources.json is not as it was made'):
        call('site', kit, '--data', '/data/ours')
