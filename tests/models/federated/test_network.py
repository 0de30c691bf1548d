"""What NVFLARE itself makes of what this package writes; run with ``nox -s federated``, see models/federated/README.md.

A whole federation over sockets is ``python -m models.federated.proof``.
"""
import datetime
import json
import logging

import numpy as np
import pytest

pytest.importorskip('nvflare', reason='NVFLARE is not installed here; nox -s federated installs it')

from nvflare.apis.dxo import DXO, DataKind, from_shareable  # noqa: E402
from nvflare.apis.fl_constant import FilterKey, FLContextKey, ReturnCode  # noqa: E402
from nvflare.apis.fl_context import FLContext  # noqa: E402
from nvflare.apis.shareable import Shareable, make_reply  # noqa: E402
from nvflare.apis.utils.task_utils import apply_filters  # noqa: E402
from nvflare.apis.workspace import Workspace  # noqa: E402
from nvflare.app_common.widgets.component_path_authorizer import ComponentPathAuthorizer  # noqa: E402
from nvflare.fuel.sec.authz import AuthzContext, Person  # noqa: E402
from nvflare.private.fed.app.fl_conf import create_privacy_manager  # noqa: E402
from nvflare.security.security import FLAuthorizer  # noqa: E402

from models.federated import nvflare_adapter  # noqa: E402
from models.federated.guard import shapes_of  # noqa: E402
from models.federated.kits import (  # noqa: E402
    CLINIC,
    LEAD,
    SERVER,
    SHAPES,
    SITE,
    Project,
    check_certificates,
    check_policies,
    harden,
    open_kit,
    organisation,
)
from models.federated.launching import now  # noqa: E402
from service.messages import InputError  # noqa: E402

from .clinics import START, plan  # noqa: E402

PROJECT = Project('breast', 'localhost', 'lead@example.org', 18002, 18003, {'north': 400, 'south': 250}, {}, 60, 60)


@pytest.fixture(scope='module')
def kits(tmp_path_factory):
    """Kits by kind, the site's for north; hardened."""
    made = nvflare_adapter.make_kits(PROJECT, tmp_path_factory.mktemp('kits'))
    kits = {kind: open_kit(made[name], kind) for kind, name in (
        (SERVER, 'localhost'), (LEAD, 'lead@example.org'), (SITE, 'north'))}
    for kit in kits.values():
        harden(kit, data='phantoms:1:8')
    (kits[SITE].folder / 'local' / SHAPES).write_text(json.dumps(shapes_of(START)))
    return kits


def test_kits_pass_our_own_checks(kits):
    for kind, name in ((SERVER, 'localhost'), (LEAD, 'lead@example.org'), (SITE, 'north')):
        kit = kits[kind]
        assert kit.name == name and kit.host == 'localhost'
        own, root = check_certificates(kit, now())
        assert 350 < own.facts['days'] <= root.facts['days'] <= 360
        check_policies(kit)
        assert organisation(kit)
        # Unsigned jobs are refused where the kit was made, not only in what may be edited.
        if kind != LEAD:
            startup = (kit.certificate.parent / ('fed_server.json' if kind == SERVER else 'fed_client.json'))
            assert json.loads(startup.read_text())['require_signed_jobs'] is True


def test_certificates_that_are_not_in_order(kits, tmp_path):
    other = nvflare_adapter.make_kits(PROJECT, tmp_path)
    foreign, south = open_kit(other['north'], SITE), open_kit(kits[SITE].folder.parent / 'south', SITE)
    for code, kit, days in (
            ('certificate-foreign', kits[SITE]._replace(certificate=foreign.certificate, key=foreign.key), 0),
            ('certificate-other-name', kits[SITE]._replace(certificate=south.certificate, key=south.key), 0),
            ('certificate-other-key', kits[SITE]._replace(key=south.key), 0),
            ('certificate-expired', kits[SITE], 361), ('certificate-early', kits[SITE], -1)):
        with pytest.raises(InputError) as caught:
            check_certificates(kit, now() + datetime.timedelta(days=days))
        assert caught.value.code == code


def test_the_key_of_all_identities_is_no_one_elses_to_read(kits):
    state = kits[SERVER].folder.parent.parent / 'state' / 'cert.json'
    assert state.stat().st_mode & 0o777 == 0o600


def test_kits_with_a_bad_name_are_refused(tmp_path):
    with pytest.raises(InputError, match='No kits were made'):
        nvflare_adapter.make_kits(PROJECT._replace(lead='lead'), tmp_path)


@pytest.mark.parametrize('kind', (SERVER, SITE))
def test_rights_as_nvflare_reads_them(kits, kind):
    policy = json.loads((kits[kind].folder / 'local' / 'authorization.json').read_text())
    authorizer = FLAuthorizer('clinic', policy)

    def may(role, right):
        person = Person('somebody', 'clinic', role)
        return authorizer.authorize(AuthzContext(right, person, person))[0]

    assert may('lead', 'submit_job') and may('lead', 'abort_job') and may('lead', 'check_status')
    for role in ('project_admin', 'org_admin', 'lead', 'member', 'stranger'):
        for right in ('byoc', 'cat', 'ls', 'grep', 'tail', 'shutdown', 'restart', 'configure_site_log', 'call'):
            assert not may(role, right), (role, right)
    assert not may('project_admin', 'submit_job') and not may('member', 'list_jobs')


def test_allow_list_as_nvflare_reads_it(kits):
    workspace = Workspace(str(kits[SITE].folder), 'north', 'config')
    authorizer = ComponentPathAuthorizer()
    authorizer.authorize_component_config({'path': CLINIC}, workspace=workspace)
    for path in ('os.system', 'nvflare.app_common.np.np_trainer.NPTrainer', 'models.federated.nvflare_adapter.Rounds',
                 'nvflare.app_common.widgets.convert_to_fed_event.ConvertToFedEvent'):
        with pytest.raises(Exception, match='not in allow_list'):
            authorizer.authorize_component_config({'path': path}, workspace=workspace)


# -- the guard, as NVFLARE applies it from the site's own file


class _Engine:
    def __init__(self, workspace):
        self._workspace = workspace

    def get_workspace(self):
        return self._workspace

    def get_cell(self):
        return None


@pytest.fixture
def leave(kits):
    """What the site's own privacy.json makes of an answer, whatever filters the job has."""
    workspace = Workspace(str(kits[SITE].folder), 'north', 'config')
    scope = create_privacy_manager(workspace, names_only=False).get_scope(None)
    context = FLContext()
    context.get_engine = lambda *args, **kwargs: _Engine(workspace)
    context.set_prop(FLContextKey.SCOPE_OBJECT, scope, private=True, sticky=False)

    def leave(answer, job_filters=None, task='train'):
        return apply_filters('task_result_filters', answer, context, job_filters or {}, task, FilterKey.OUT)
    return leave


def _answer(arrays=START, meta=None, kind=DataKind.WEIGHTS):
    return DXO(kind, dict(arrays), dict(meta or {'count': 12})).to_shareable()


def test_answer_in_order_leaves(leave):
    for arrays in (START, {}):
        clean = leave(_answer(arrays))
        dxo = from_shareable(clean)
        assert clean.get_return_code() == ReturnCode.OK and dxo.meta == {'count': 12}
        assert sorted(dxo.data) == sorted(arrays)
        assert all(np.array_equal(dxo.data[name], arrays[name]) for name in arrays)


def _with(answer, **parts):
    answer.update(parts)
    return answer


def _headed(answer, key, value):
    answer.set_header(key, value)
    return answer


@pytest.mark.parametrize('answer', (
    _answer(dict(START, picture=np.zeros((480, 640), np.float32))),
    _answer(dict(START, w=np.full(3, np.nan, np.float32))),
    _answer(meta={'count': 12, 'note': 'patient 4711'}),
    _answer(meta={'count': 'patient 4711'}),
    _answer(kind=DataKind.WEIGHT_DIFF),
    _with(_answer(), more='patient 4711'),
    _headed(_answer(), 'note', 'patient 4711'),
    _headed(_answer(), '__peer_props__', {'note': 'patient 4711'}),
    Shareable({'note': 'patient 4711'}),
    _headed(make_reply(ReturnCode.EXECUTION_EXCEPTION), 'reason', 'patient 4711'),
    make_reply('patient 4711')), ids=lambda answer: None)
def test_anything_else_becomes_a_bare_code(leave, answer):
    left = leave(answer)
    assert left.get_return_code() != ReturnCode.OK
    assert set(left) == {'__headers__'} and set(left['__headers__']) == {'__rc__'}
    assert '4711' not in str(left)


def test_guard_without_its_list_lets_nothing_out(leave, kits):
    own = kits[SITE].folder / 'local' / SHAPES
    kept = own.read_text()
    try:
        own.unlink()
        assert leave(_answer()).get_return_code() == ReturnCode.TASK_RESULT_FILTER_ERROR
    finally:
        own.write_text(kept)


def test_star_of_a_job_is_no_filter_and_the_policy_of_the_site_is(leave, kits):
    class Never(nvflare_adapter.Leaving):
        def process(self, shareable, fl_ctx):
            raise AssertionError('NVFLARE applies it: then the note in nvflare_adapter is out of date')

    stolen = _answer(dict(START, picture=np.zeros(4, np.float32)))
    left = leave(stolen, {'*' + FilterKey.DELIMITER + FilterKey.OUT: [Never()]}, task='anything')
    assert left.get_return_code() == ReturnCode.TASK_RESULT_FILTER_ERROR


# -- jobs


def test_job_is_configuration_only(tmp_path):
    nvflare_adapter.write_job(tmp_path / 'job', 'breast', plan(), START, ['north', 'south'], 60)
    files = {str(path.relative_to(tmp_path / 'job')) for path in (tmp_path / 'job').rglob('*') if path.is_file()}
    assert files == {'meta.json', 'server/config/config_fed_server.json', 'server/config/plan.json',
                     'server/config/start.npz', 'clinic/config/config_fed_client.json', 'clinic/config/local.json'}
    meta = json.loads((tmp_path / 'job' / 'meta.json').read_text())
    assert meta['deploy_map'] == {'server': ['server'], 'clinic': ['north', 'south']} and meta['min_clients'] == 2
    text = (tmp_path / 'job' / 'clinic' / 'config' / 'config_fed_client.json').read_text()
    # A filter of a job for every task would be none; and a clinic gets no more of the plan than it needs.
    assert '*' not in text and 'filter' not in text
    local = json.loads((tmp_path / 'job' / 'clinic' / 'config' / 'local.json').read_text())
    assert set(local) == {'recipe', 'seed', 'mu'}
    start = nvflare_adapter.unpack((tmp_path / 'job' / 'server' / 'config' / 'start.npz').read_bytes())
    assert sorted(start) == sorted(START)


def test_what_a_clinic_raises_stays_in_its_log(caplog):
    class Raises(nvflare_adapter.Site):
        def answer(self, task, number, arrays, fl_ctx):
            raise RuntimeError('patient 4711')

    with caplog.at_level(logging.ERROR):
        reply = Raises().execute('train', DXO(DataKind.WEIGHTS, {}, {'number': 1}).to_shareable(), FLContext(), None)
    assert reply.get_return_code() == ReturnCode.EXECUTION_EXCEPTION and '4711' not in str(reply)
    assert '4711' in caplog.text
