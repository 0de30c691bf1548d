import datetime
import json

import pytest

from models.federated.kits import (
    LEAD,
    SERVER,
    SITE,
    WARN_DAYS,
    check_certificates,
    check_policies,
    harden,
    open_kit,
    organisation,
    policies,
    read_project,
)
from service.messages import OK, WARNING, InputError

from .kit_folders import NOW, Root, make_kit, put_certificate

PROJECT = '''
name = "breast"
server = "fl.example.org"
lead = "lead@example.org"
[sites]
north = 400
south = 250
[plan]
rounds = 20
quorum = 2
[deadlines]
round = 60
'''


@pytest.fixture(scope='module')
def root():
    return Root()


@pytest.fixture
def kit(tmp_path, root):
    return open_kit(make_kit(tmp_path / 'north', root), SITE)


# -- the project


def test_project(tmp_path):
    (tmp_path / 'p.toml').write_text(PROJECT)
    project = read_project(tmp_path / 'p.toml')
    assert project.sites == {'north': 400, 'south': 250} and project.plan == {'rounds': 20, 'quorum': 2}
    assert (project.port, project.admin_port, project.join_s, project.round_s) == (8002, 8003, 600, 60)
    # Every round asks twice, and so does the start once: nothing in a run can take longer than this.
    assert project.longest_s(20) > 600 + 41 * 60


@pytest.mark.parametrize('before, after, said', (
    ('name = "breast"', 'name = "../breast"', 'name and server'),
    ('name = "breast"', '', 'name and server'),
    ('"lead@example.org"', '"lead"', 'lead is an address'),
    ('south = 250', '', 'two clinics'),
    ('south = 250', 'south = 0', 'two clinics'),
    ('south = 250', '"a/b" = 5', 'two clinics'),
    ('round = 60', 'rounds = 60', 'rounds.* is no key. Did you mean round'),
    ('round = 60', 'round = 0', 'whole seconds'),
    ('[sites]', 'port = 8003\n[sites]', 'two numbers'),
    ('[sites]', '[sites', 'cannot be read'),
))
def test_project_refused(tmp_path, before, after, said):
    (tmp_path / 'p.toml').write_text(PROJECT.replace(before, after))
    with pytest.raises(InputError, match=said):
        read_project(tmp_path / 'p.toml')


# -- opening a kit


def test_open_each_kind(tmp_path, root):
    for kind, name in ((SITE, 'north'), (SERVER, 'localhost'), (LEAD, 'lead@example.org')):
        kit = open_kit(make_kit(tmp_path / kind, root, kind, name), kind)
        assert (kit.kind, kit.name, kit.host, kit.port) == (kind, name, 'localhost', 18003 if kind == LEAD else 18002)
        assert organisation(kit) == 'clinic'
        assert len(check_certificates(kit, NOW + datetime.timedelta(days=1))) == 2


def test_open_refused(tmp_path, root, kit):
    for folder, kind, code in ((tmp_path, SITE, 'kit-missing'), (kit.folder, SERVER, 'kit-other')):
        with pytest.raises(InputError) as caught:
            open_kit(folder, kind)
        assert caught.value.code == code
    (kit.folder / 'startup' / 'fed_client.json').write_text('{"servers": []}')
    with pytest.raises(InputError, match='damaged'):
        open_kit(kit.folder, SITE)


# -- certificates


def test_age_of_certificates(tmp_path, root):
    kit = open_kit(make_kit(tmp_path / 'north', root, days=90), SITE)
    own, of_root = check_certificates(kit, NOW + datetime.timedelta(days=90 - WARN_DAYS, hours=-1))
    assert own.severity == of_root.severity == OK and own.facts['days'] == WARN_DAYS
    own, of_root = check_certificates(kit, NOW + datetime.timedelta(days=90 - WARN_DAYS, hours=1))
    assert own.severity == WARNING and 'in 29 days' in own.sentence and 'new kits' in own.next_step
    assert of_root.severity == OK


@pytest.mark.parametrize('days, code', ((-1, 'certificate-early'), (90, 'certificate-expired')))
def test_certificate_out_of_date(tmp_path, root, days, code):
    kit = open_kit(make_kit(tmp_path / 'north', root, days=90), SITE)
    with pytest.raises(InputError) as caught:
        check_certificates(kit, NOW + datetime.timedelta(days=days))
    assert caught.value.code == code and 'certificate of north' in caught.value.message.sentence


def test_root_that_expired_first(tmp_path):
    kit = open_kit(make_kit(tmp_path / 'north', Root(days=10)), SITE)
    with pytest.raises(InputError, match='root certificate of north expired'):
        check_certificates(kit, NOW + datetime.timedelta(days=10))


def test_foreign_and_swapped_certificates(kit, root):
    foreign = Root()
    for certificate, key, code in (
            # Another federation's, though of the same names.
            (*foreign.certify('north'), 'certificate-foreign'),
            # A valid one of another site.
            (*root.certify('south'), 'certificate-other-name'),
            (root.certify('north')[0], root.certify('north')[1], 'certificate-other-key'),
            (b'no certificate', b'', 'certificate-unreadable')):
        put_certificate(kit.folder, root, certificate, key)
        with pytest.raises(InputError) as caught:
            check_certificates(kit, NOW)
        assert caught.value.code == code and caught.value.message.next_step
    kit.certificate.unlink()
    with pytest.raises(InputError, match='cannot be read'):
        check_certificates(kit, NOW)


# -- the policy


def test_nobody_brings_code_or_reads_files(tmp_path, root, kit):
    for each in (kit, open_kit(make_kit(tmp_path / 'server', root, SERVER, 'localhost'), SERVER)):
        rights = policies(each)['authorization.json']['permissions']
        # "any" for an administrator would include code and files of every clinic.
        assert {role for role, of_role in rights.items() if set(of_role.values()) != {'none'}} == {'lead'}
        assert not {right for right, value in rights['lead'].items() if value != 'none'} & {
            'byoc', 'shell_commands', 'operate', 'clone_job', 'server-predeployed-flwr'}


def test_resources_of_a_site(kit):
    document = policies(kit)['resources.json']
    assert document['allow_log_streaming'] is False and document['class_list_enforcement_mode'] == 'enforce'
    assert document['class_allow_list'] == ['models.federated.nvflare_adapter.Site']
    assert not [component for component in document['components'] if 'logging' in component['path']]
    # Whatever else stood here would be told to the server when the site registers.
    assert set(document) == {'format_version', 'class_list_enforcement_mode', 'class_allow_list', 'allow_log_streaming',
                             'client', 'components'}


def test_resources_of_the_server(tmp_path, root):
    kit = open_kit(make_kit(tmp_path / 'server', root, SERVER, 'localhost'), SERVER)
    text = json.dumps(policies(kit)['resources.json'])
    assert '/tmp/nvflare' not in text and str(kit.folder / 'jobs') in text and str(kit.folder / 'snapshots') in text
    document = policies(kit)['resources.json']
    assert document['servers'][0]['heart_beat_timeout'] <= 60
    assert {'max_jobs': 1} in [component['args'] for component in document['components']]
    assert 'logging' not in text and 'privacy.json' not in policies(kit)


def test_guard_is_in_the_policy_of_the_site(kit):
    document = policies(kit, data='/data/ours', threads=2)['privacy.json']
    scope, = document['scopes']
    assert document['default_scope'] == scope['name']
    assert scope['properties'] == {'data': '/data/ours', 'threads': 2}
    assert scope['task_result_filters'] == [{'path': 'models.federated.nvflare_adapter.Leaving', 'args': {}}]


def test_hardened_kit_passes_and_a_loosened_one_does_not(kit):
    with pytest.raises(InputError, match='is not as it was made'):
        check_policies(kit)
    harden(kit, data='/data/ours', threads=2)
    assert check_policies(kit) == {'data': '/data/ours', 'threads': 2}

    for name, loosen in (
            ('resources.json', lambda it: it.update(allow_log_streaming=True)),
            ('resources.json', lambda it: it['class_allow_list'].append('*')),
            ('resources.json', lambda it: it['components'].append({'id': 'more', 'path': 'x.Y'})),
            ('authorization.json', lambda it: it['permissions'].update(project_admin='any')),
            ('authorization.json', lambda it: it['permissions']['lead'].update(byoc='any')),
            ('privacy.json', lambda it: it['scopes'][0].update(task_result_filters=[])),
            ('privacy.json', lambda it: it['scopes'].append({'name': 'open'}))):
        harden(kit, data='/data/ours', threads=2)
        path = kit.folder / 'local' / name
        document = json.loads(path.read_text())
        loosen(document)
        path.write_text(json.dumps(document))
        with pytest.raises(InputError) as caught:
            check_policies(kit)
        assert caught.value.code == 'kit-not-hardened' and name in caught.value.message.sentence

    harden(kit)
    (kit.folder / 'local' / 'custom' / 'deep').mkdir(parents=True)
    (kit.folder / 'local' / 'custom' / 'deep' / 'more.py').write_text('')
    with pytest.raises(InputError, match='custom'):
        check_policies(kit)
