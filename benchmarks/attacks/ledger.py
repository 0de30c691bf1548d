"""A station with operators at which a browser takes exams, and the ledger of what it had an answer for."""
import contextlib
import http.client
import io
import json
import os
import random
import signal
import sys
import time
from typing import Any, Dict, List, Set, Tuple

from service import cli
from service.capture_file import CaptureFile
from service.cli import station as _  # noqa: F401 - what each start would load
from service.web.tokens import Tokens

from .station import Operator, ask, ask_with_token, free_port, options

ROLES = ('frontal', 'left-oblique')

#: What may be wrong.
KINDS = ('lost', 'half visible', 'mixed')

#: Refusals of a picture that end by themselves.
NOT_YET = ('capture-not-ready', 'capture-busy', 'camera-busy')

_PIN = '274911'
_NEXT = {'draft': 'start', 'acquiring': 'captures', 'review': 'sign', 'signed': 'amend'}


class Taker:
    """Takes exams, each from the patient to the amendment, at a station that may end at any moment.

    Args:
        work: a folder for the ledger, the settings and the tokens.
        folder: of the exams; it need not exist.
        rng: of what happens.
        anew: whether each start loads the program anew, and is not a copy of this process.
    Attributes:
        wrong: what was wrong, by kind.
        ledger: the newest answer of each exam, and its patient.
        acknowledged: how many answers there were.
    """

    def __init__(self, work: str, folder: str, rng: random.Random, anew: bool = False) -> None:
        self.folder, self.rng = folder, rng
        self.settings = os.path.join(work, 'settings.toml')
        self.wrong: Dict[str, List[str]] = {kind: [] for kind in KINDS}
        self.ledger: Dict[str, Dict[str, Any]] = {}
        self.acknowledged = 0
        self._anew, self._patients, self._process, self._port = anew, 0, 0, 0
        self._recent: Set[str] = set()
        tokens = os.path.join(work, 'tokens.json')
        self._token = Tokens(tokens).add('attack')
        self._file = os.open(os.path.join(work, 'ledger'), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with open(self.settings, 'w') as stream:
            stream.write('[exams]\nexams_folder = "%s"\nlock_between_patients = false\n[web]\napi_tokens = "%s"\n'
                         % (folder, tokens))

    def launch(self) -> None:
        """Start the station in a process of its own; it may not answer yet."""
        self._port = free_port()
        words = options(self._port, '--settings', self.settings)
        self._process = os.fork()
        if self._process == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                if self._anew:
                    os.execv(sys.executable, [sys.executable, '-m', 'service'] + words)
                sys.argv[1:] = words
                cli.main()
            finally:
                os._exit(70)

    def answers(self) -> bool:
        """Wait for the station; whether it answers, and has not ended by itself."""
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(self._port, '/login')
                return True
            if os.waitpid(self._process, os.WNOHANG)[0]:
                self._process = 0
                return False
            time.sleep(0.02)

    def begin(self) -> None:
        """Start the station for the first time, and make its first supervisor.

        Raises:
            SystemExit: it does not start.
        """
        self.launch()
        self.browser = Operator(self._port)
        if not self.answers() or not self.browser.first('Ann Lind', _PIN):
            raise SystemExit('The first supervisor was not made.')

    def start(self, compared: bool = True) -> None:
        """Start it again, log in, and compare what was acknowledged since the last time.

        Args:
            compared: False to leave that to the next start.

        Raises:
            SystemExit: it does not start, or nobody can log in.
        """
        self.launch()
        if not self.answers():
            raise SystemExit('The station does not start.')
        self.browser = Operator(self._port)
        if not self.browser.log_in(_PIN):
            raise SystemExit('Nobody can log in: %s' % self.browser.body.decode('utf-8', 'replace'))
        if compared:
            self.compare(self._recent)
            self._recent = set()

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the station with a signal."""
        if self._process:
            os.kill(self._process, number)
            os.waitpid(self._process, 0)
            self._process = 0

    def next_step(self) -> Tuple[str, Dict[str, Any]]:
        """What comes next in the newest exam, or ``begin``, and this exam."""
        rows = self._get('/api/v1/exams?limit=1')['exams']
        if not rows or rows[0]['state'] not in _NEXT or (rows[0]['state'] == 'signed' and self.rng.random() < 0.5):
            return 'begin', {}
        exam = self._get('/api/v1/exams/' + rows[0]['id'])
        if exam['state'] != rows[0]['state']:
            self._note('half visible', '%s is %s, and %s in the list' % (exam['id'], exam['state'], rows[0]['state']))
            return 'begin', {}
        step = _NEXT[exam['state']]
        return ('review' if step == 'captures' and len(exam['captures']) >= len(ROLES) else step), exam

    def take(self, step: str, exam: Dict[str, Any]) -> str:
        """Take a step. What has a whole answer stands in the ledger then; the code of a refusal, empty for none.

        Args:
            step, exam: as of `next_step`.

        Raises:
            OSError, http.client.HTTPException: there was no whole answer.
        """
        address, form, patient = '/api/v1/exams', {}, ''
        if step == 'begin':
            self._patients += 1
            patient = 'p-%d' % self._patients
            form = {'patient_id': patient, 'patient_name': 'Anna Berg', 'room_c': '21.5'}
        else:
            address += '/%s/%s' % (exam['id'], step)
            patient = self.ledger.get(exam['id'], {}).get('patient', '') or self._forgotten(exam['id'])
            number = len(exam['captures'])
            form = {'captures': {'role': ROLES[min(number, 1)], 'number': str(number + 1)},
                    'sign': {'date_confirmed': 'yes'},
                    'amend': {'reason': 'typing error', 'text': 'left'}}.get(step, {})
        status, body = self.browser.ask('POST', address, **form)
        answer = json.loads(body.decode('utf-8'))
        if status not in (200, 201):
            return str(answer['code'])
        entry = {'patient': patient, 'exam': answer}
        os.write(self._file, (json.dumps(entry) + '\n').encode('utf-8'))
        self.ledger[answer['id']] = entry
        self.acknowledged += 1
        self._recent.add(answer['id'])
        return ''

    def compare(self, exam_ids: Set[str]) -> None:
        """Hold what was acknowledged of some exams against the station, and the files of each picture against another.

        Args:
            exam_ids: of the ledger.
        """
        for exam_id in exam_ids:
            told = self.ledger[exam_id]
            there = self._get('/api/v1/exams/' + exam_id)
            for part in ('events', 'captures'):
                had = told['exam'][part]
                if there.get(part, [])[:len(had)] != had:
                    self._note('lost', '%s, %s: %s' % (exam_id, part, there))
            rows = self._get('/api/v1/exams?query=' + told['patient']).get('exams', [])
            if [(row['id'], row['state'], row['captures']) for row in rows] != [
                    (exam_id, there.get('state'), len(there.get('captures', ())))]:
                self._note('half visible', '%s in the list of %s: %s' % (exam_id, told['patient'], rows))
            for capture in there.get('captures', ()):
                self._look_at(exam_id, capture)

    def compare_all(self) -> None:
        """`compare` for the whole ledger."""
        self.compare(set(self.ledger))

    def _look_at(self, exam_id: str, capture: Dict[str, Any]) -> None:
        name = 'picture %d of %s' % (capture['number'], exam_id)
        files = {}
        for file in capture['files']:
            status, files[file.partition('.')[2]] = self.browser.ask('GET', '/exams/%s/files/%s' % (exam_id, file))
            if status != 200:
                self._note('half visible', '%s: %s is %d' % (name, file, status))
                return
        if not {'tscap', 'result.json', 'overlay.png'} <= set(files):
            self._note('half visible', name)
            return
        stream = io.BytesIO(files['tscap'])
        taken = CaptureFile(stream, 'capture').frame(stream, 1).captured_at
        if json.loads(files['result.json'].decode('utf-8'))['provenance']['captured_at'] != taken:
            self._note('mixed', name)

    def _forgotten(self, exam_id: str) -> str:
        """The patient of an exam whose beginning had no answer: one of the last ones."""
        for number in range(self._patients, 0, -1):
            if [row['id'] for row in self._get('/api/v1/exams?query=p-%d' % number)['exams']] == [exam_id]:
                return 'p-%d' % number
        self._note('mixed', '%s is of nobody' % exam_id)
        return ''

    def _get(self, path: str) -> Dict[str, Any]:
        answer: Dict[str, Any] = json.loads(ask_with_token(self._port, path, self._token).decode('utf-8'))
        return answer

    def _note(self, kind: str, what: str) -> None:
        self.wrong[kind].append(what)
        print('%s: %s' % (kind, what))
