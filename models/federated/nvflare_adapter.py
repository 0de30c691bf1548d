"""Everything that knows NVFLARE 2.9: it makes kits and jobs, talks to the server, and runs inside its processes.

A job is configuration only. It names `Rounds` for the server and `Site` for the clinics, both of this package as it is
installed there, and brings the plan and the weights at the start. `Leaving` is the guard: a site's own ``privacy.json``
puts it behind every task. A filter that a *job* brings for the tasks ``"*"`` is silently never applied, so that none is
ever written into a job.
"""
import contextlib
import io
import json
import logging
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence, Set

import numpy as np
from nvflare.apis.controller_spec import ClientTask, Task
from nvflare.apis.dxo import DXO, DataKind, from_shareable
from nvflare.apis.executor import Executor
from nvflare.apis.filter import Filter
from nvflare.apis.fl_constant import FLContextKey, ReturnCode
from nvflare.apis.fl_context import FLContext
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import ReservedHeaderKey, Shareable, make_reply
from nvflare.apis.signal import Signal
from nvflare.fuel.flare_api.flare_api import new_secure_session
from nvflare.lighter.constants import CtxKey, ParticipantType
from nvflare.lighter.entity import Participant
from nvflare.lighter.entity import Project as Kits
from nvflare.lighter.impl.cert import CertBuilder
from nvflare.lighter.impl.static_file import StaticFileBuilder
from nvflare.lighter.impl.workspace import WorkspaceBuilder
from nvflare.lighter.provisioner import Provisioner

from service.durable import atomic_write_json
from service.messages import InputError, ThermoscreenError

from .core import Answers, Plan, Update
from .guard import Arrays, GuardError, check_leaving
from .kits import CLINIC, LEAD, OUTCOME, ROUNDS, RUNS, SHAPES, START_S, Kit, Project
from .rounds import run_rounds

TRAIN, SCORE = 'train', 'score'
_PLAN, _START, _LOCAL = 'plan.json', 'start.npz', 'local.json'
_NUMBER = 'number'
_CODES = {value for name, value in vars(ReturnCode).items() if not name.startswith('_')}
_HEADERS = {ReservedHeaderKey.CONTENT_TYPE: frozenset({'DXO'})}

_log = logging.getLogger(__name__)


# -- inside NVFLARE's processes


class Rounds(Controller):
    """The rounds of a job, on the server; checkpoints go to a folder of the run in the server's kit, not of the job.

    Args:
        run: name of the run. A later job of the same name goes on where the last one was killed.
        round_s: how long a clinic may take for an answer.
    """

    def __init__(self, run: str, round_s: int) -> None:
        super().__init__()
        self._run, self._round_s, self._asked = run, round_s, False
        # Known when the rounds begin.
        self._abort: Any = None
        self._context: Any = None

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Nothing: all is read when the rounds begin."""

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing."""

    def process_result_of_unknown_task(self, client: Any, task_name: str, client_task_id: str, result: Shareable,
                                       fl_ctx: FLContext) -> None:
        """An answer that came too late is dropped: its round has been decided."""

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Run the rounds and say in `OUTCOME` how they ended."""
        self._abort, self._context = abort_signal, fl_ctx
        workspace = fl_ctx.get_engine().get_workspace()
        config = Path(workspace.get_app_config_dir(fl_ctx.get_job_id()))
        folder = Path(workspace.get_root_dir()) / RUNS / self._run
        try:
            self._plan = Plan.from_dict(json.loads((config / _PLAN).read_text(encoding='utf-8')))
            run_rounds(self._plan, unpack((config / _START).read_bytes()), self, folder, say=_log.info)
        except ThermoscreenError as error:
            atomic_write_json(folder / OUTCOME, error.message.to_dict())
            self.system_panic(error.code, fl_ctx)
        else:
            atomic_write_json(folder / OUTCOME, {'code': 'ended'})

    def train(self, number: int, arrays: Arrays) -> Answers:
        """As of `models.federated.rounds.Clinics`."""
        return self._ask(TRAIN, number, arrays)

    def score(self, number: int, arrays: Arrays) -> Answers:
        """As of `models.federated.rounds.Clinics`."""
        return self._ask(SCORE, number, arrays)

    def _ask(self, task: str, number: int, arrays: Arrays) -> Answers:
        updates: Dict[str, Update] = {}
        here = {client.name for client in self._context.get_engine().get_clients()}
        asked = [site for site in self._plan.site_names if site in here]
        absent = {site: 'no-answer' if site in here else 'not-joined' for site in self._plan.site_names}

        def take(client_task: ClientTask, fl_ctx: FLContext) -> None:
            site, result = client_task.client.name, client_task.result
            absent[site] = {ReturnCode.OK: '', ReturnCode.TASK_RESULT_FILTER_ERROR: 'guard'}.get(
                result.get_return_code(), 'failed')
            if absent[site]:
                return
            try:
                dxo = from_shareable(result)
                updates[site] = Update(dict(dxo.data), dict(dxo.meta))
            except (ValueError, TypeError):
                absent[site] = 'failed'

        if asked:
            question = DXO(DataKind.WEIGHTS, arrays, {_NUMBER: number}).to_shareable()
            # To the first question a clinic starts PyTorch and reads its data.
            limit_s = self._round_s + (0 if self._asked else START_S)
            self._asked = True
            self.broadcast_and_wait(Task(task, question, timeout=limit_s, result_received_cb=take), self._context,
                                    asked, min_responses=len(asked), abort_signal=self._abort)
        if self._abort.triggered:
            raise ThermoscreenError('federation-aborted', 'The run was stopped in round %d.' % number,
                                    'The same command goes on with it.')
        return Answers(updates, {site: reason for site, reason in absent.items() if site not in updates})


class Site(Executor):
    """The local step of a job, at a clinic, on the data that the clinic's own policy names."""

    def __init__(self) -> None:
        super().__init__()
        self._clinic: Any = None

    def execute(self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:
        """Train or judge; whatever goes wrong is told in the clinic's own log, and the server gets a code."""
        try:
            dxo = from_shareable(shareable)
            update = self.answer(task_name, int(dxo.meta[_NUMBER]), dict(dxo.data), fl_ctx)
        except Exception:  # the server must not see its text, whatever it is
            _log.exception('The task %s failed.', task_name)
            return make_reply(ReturnCode.EXECUTION_EXCEPTION)
        return DXO(DataKind.WEIGHTS, update.arrays, dict(update.scalars)).to_shareable()

    def answer(self, task: str, number: int, arrays: Arrays, fl_ctx: FLContext) -> Update:
        """What the clinic says to a question."""
        # PyTorch takes seconds to import, and the server needs none of it.
        from .local import open_clinic

        config = Path(fl_ctx.get_engine().get_workspace().get_app_config_dir(fl_ctx.get_job_id()))
        local = json.loads((config / _LOCAL).read_text(encoding='utf-8'))
        if self._clinic is None:
            own = fl_ctx.get_prop(FLContextKey.SCOPE_PROPERTIES)
            self._clinic = open_clinic(local['recipe'], own['data'], fl_ctx.get_identity_name(), local['seed'],
                                       own['threads'])
        if task == TRAIN:
            return self._clinic.train(number, arrays, local['mu'])
        return self._clinic.score(number, arrays)


class Leaving(Filter):
    """The guard, of a site's own policy: what leaves the clinic is made anew from what is on its list, or refused."""

    def process(self, shareable: Shareable, fl_ctx: FLContext) -> Shareable:
        """The answer as it may leave; a bare code where it may not."""
        code = shareable.get_return_code()
        if code != ReturnCode.OK:
            return make_reply(code if code in _CODES else ReturnCode.ERROR)
        try:
            own = Path(fl_ctx.get_engine().get_workspace().get_site_config_dir()) / SHAPES
            dxo = from_shareable(shareable)
            clean = DXO(DataKind.WEIGHTS, dict(dxo.data), dict(dxo.meta)).to_shareable()
            if set(shareable) != set(clean) or dxo.data_kind != DataKind.WEIGHTS:
                raise GuardError('leaving-part', 'Nothing was sent: the message held a part that is not on its list.')
            check_leaving(json.loads(own.read_text(encoding='utf-8')), dxo.data, dxo.meta,
                          shareable[ReservedHeaderKey.HEADERS], _HEADERS)
            return clean
        except GuardError as error:
            _log.error('%s', error)
        except Exception:
            _log.exception('The answer could not be checked, so that it was not sent.')
        return make_reply(ReturnCode.TASK_RESULT_FILTER_ERROR)


# -- kits, jobs and the server, from outside


def make_kits(project: Project, folder: Path) -> Dict[str, Path]:
    """Make the kits of everybody in a project, not hardened yet; `folder` also gets the key of the root certificate.

    Kits made later in the same folder have the same root.

    Returns:
        Kits by name; the server's is that of its host name.
    Raises:
        InputError: ``project-refused``: NVFLARE does not take a name.
    """
    try:
        kits = Kits(project.name, 'thermoscreen', [
            Participant(ParticipantType.SERVER, project.server, 'server',
                        {'fed_learn_port': project.port, 'admin_port': project.admin_port}),
            Participant(ParticipantType.ADMIN, project.lead, 'server', {'role': LEAD}),
            *(Participant(ParticipantType.CLIENT, site, 'clinic') for site in project.sites)])
        context = Provisioner(str(folder), [
            WorkspaceBuilder([]), StaticFileBuilder(config_folder='config', scheme='http', require_signed_jobs=True),
            CertBuilder()]).provision(kits, logger=_log)
    except (ValueError, RuntimeError) as error:
        raise InputError('project-refused', 'No kits were made: %s.' % error, 'Correct the project.')
    if context.get(CtxKey.BUILD_ERROR):
        raise InputError('project-refused', 'No kits were made.', 'Look at the log.')
    made = Path(context[CtxKey.CURRENT_PROD_DIR])
    # The keys of all, in clear and readable by everybody.
    (made.parent / 'state' / 'cert.json').chmod(0o600)
    return {name: made / name for name in (project.server, project.lead, *project.sites)}


def write_job(folder: Path, run: str, plan: Plan, start: Arrays, sites: Sequence[str], round_s: int,
              executors: Mapping[str, str] = {}) -> None:
    """Write the folder of a job.

    Args:
        folder: to be made; it becomes the name of the job.
        run: name of the run.
        plan: of all sites.
        start: weights of the first round.
        sites: that are there and get the job.
        round_s: as of `Rounds`.
        executors: classes at single sites in place of `Site`; for trying out what a bad site does.
    """
    local = {'recipe': plan.recipe, 'seed': plan.seed, 'mu': plan.mu}
    apps = {site: 'clinic' if site not in executors else 'clinic-' + site for site in sites}
    files: Dict[str, Any] = {
        'meta.json': {'name': run, 'min_clients': min(plan.quorum, len(sites)), 'resource_spec': {},
                      'deploy_map': {'server': ['server'], **{app: [site for site in sites if apps[site] == app]
                                                              for app in sorted(set(apps.values()))}}},
        # What nobody will answer is not waited for any longer than it takes to know that.
        'server/config/config_fed_server.json': {
            'format_version': 2, 'dead_client_grace_period': 5.0, 'client_outcome_wait_timeout': 10.0,
            'workflows': [{'id': 'rounds', 'path': ROUNDS, 'args': {'run': run, 'round_s': round_s}}],
            'components': []},
        'server/config/' + _PLAN: plan.to_dict()}
    for site, app in apps.items():
        files[app + '/config/config_fed_client.json'] = {
            'format_version': 2, 'components': [],
            'executors': [{'tasks': [TRAIN, SCORE], 'executor': {'path': executors.get(site, CLINIC), 'args': {}}}]}
        files[app + '/config/' + _LOCAL] = local
    for name, document in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document, indent=1), encoding='utf-8')
    (folder / 'server' / 'config' / _START).write_bytes(pack(start))


def pack(arrays: Arrays) -> bytes:
    """Arrays as the bytes of an ``.npz``."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # an array may have any name but that of an argument
    return buffer.getvalue()


def unpack(data: bytes) -> Arrays:
    """Arrays of `pack`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


class Lead:
    """The lead's connection with the server: signs jobs with the key of his kit.

    Raises:
        Exception: of NVFLARE, whatever goes wrong; callers treat all alike.
    """

    def __init__(self, kit: Kit, timeout_s: float = 10) -> None:
        # It prints that it connects, and logs that nobody answers; a caller says both better.
        logging.getLogger('nvflare').setLevel(logging.CRITICAL)
        with contextlib.redirect_stdout(io.StringIO()):
            self._session = new_secure_session(kit.name, str(kit.folder), timeout=timeout_s)

    def sites(self) -> Set[str]:
        """Who is connected."""
        return {client.name for client in self._session.get_connected_client_list()}

    def submit(self, job: Path) -> str:
        """Submit a job, by its folder; its id."""
        # A relative one would be looked for in the kit.
        return str(self._session.submit_job(str(job.resolve())))

    def status(self, job: str) -> str:
        """Such as ``'RUNNING'`` or ``'FINISHED:COMPLETED'``."""
        return str(self._session.get_job_status(job))

    def abort(self, job: str) -> None:
        """Stop a job."""
        self._session.abort_job(job)

    def close(self, answers: bool) -> None:
        """Log out, where the server still answers; threads that wait for it would keep this process alive."""
        if answers:
            self._session.close()
        else:
            self._session.api.close()
