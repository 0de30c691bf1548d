"""Run every nox session, or those named, and end with one line for each.

Five sessions at a time: while one waits for downloads, for the disk or for a process, the others compute. What a
session prints is shown when it is through, in one piece; what is installed for it, as it happens.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / '.nox' / 'logs'

#: In this order: `workstation` waits five minutes for PyTorch, and `device-3.6` takes the longest. Then come those that
#: make an environment, for which the second session of a Python would wait. What is not named comes before all.
ORDER = ('workstation', 'device-3.6', 'device-3.11', 'device-3.10', 'device-3.8', 'board-3.6', 'browser',
         'board-emulated', 'lint')
SESSIONS_AT_A_TIME = 5

#: Run only where they are named.
ON_REQUEST = ('federated',)

#: The sessions without which a run in continuous integration has not shown what the Nano needs.
REQUIRED_IN_CI = ('device-3.6', 'board-3.6')

_SUMMARY = re.compile(r'^=+ .*\b(passed|failed|skipped|error|errors|deselected|no tests ran)\b.* =+$')
_SKIPPED = re.compile(r'\bskipped: (.*?)\.?$')


#: How requirements/install.py begins its lines, which are shown at once.
INSTALLING = 'pip: '

_PRINTING = threading.Lock()


class Session:
    """One nox session and what became of it.

    Args:
        name (str): as nox lists it, such as ``'device-3.6'``.
        python (str): interpreter it asks for, or empty for the one that runs nox.
    """

    def __init__(self, name, python):
        self.name = name
        self.python = python
        self.result = None
        self.reason = ''
        self.summary = ''

    def look_for_python(self):
        """Settle on a skip where the interpreter does not answer."""
        if self.python and not _answers('python' + self.python):
            self.skip('python%s is not here%s' % (self.python, _pyenv_hint()))

    def skip(self, reason):
        self.result, self.reason = 'skipped', reason
        if self.name in REQUIRED_IN_CI and os.environ.get('CI'):
            self.result, self.reason = 'failed', 'required in CI, but ' + reason

    def run(self):
        """Prepare the environment and run the tests."""
        status, lines = self._nox('--install-only')
        if status != 0:
            self._show(lines)
            self.result, self.reason = 'failed', 'its environment could not be made'
            return
        status, lines = self._nox()
        self._show(lines)
        summaries = [line for line in lines if _SUMMARY.match(line)]
        self.summary = summaries[-1] if summaries else ''
        skips = [found.group(1) for found in map(_SKIPPED.search, lines) if found]
        if status != 0:
            self.result = 'failed'
        elif skips and not self.summary:
            self.skip(skips[-1])
        else:
            self.result = 'passed'

    def _show(self, lines):
        with _PRINTING:
            print('\n--- %s ---\n%s' % (self.name, '\n'.join(lines)), flush=True)

    def _nox(self, *options):
        command = [sys.executable, '-m', 'nox', '--session', self.name] + list(options)
        process = subprocess.Popen(command, cwd=str(ROOT), env=dict(os.environ, NO_COLOR='1'),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   universal_newlines=True, errors='replace')
        lines = []
        with process.stdout, open(str(LOGS / (self.name + '.log')), 'w') as log:
            for line in process.stdout:
                lines.append(line.rstrip('\n'))
                log.write(line)
                log.flush()
                if line.startswith(INSTALLING):
                    with _PRINTING:
                        print('%s: %s' % (self.name, lines[-1]), flush=True)
        return process.wait(), lines


def _answers(program):
    """Whether an interpreter is there and starts (a pyenv shim may be there and refuse)."""
    if shutil.which(program) is None:
        return False
    return subprocess.call([program, '-c', ''], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL) == 0


def _pyenv_hint():
    return ' (pyenv shows the versions that PYENV_VERSION names)' if shutil.which('pyenv') else ''


def _sessions(names):
    listed = subprocess.check_output([sys.executable, '-m', 'nox', '--list', '--json'], cwd=str(ROOT))
    sessions = [Session(entry['session'], entry['python']) for entry in json.loads(listed.decode())]
    unknown = set(names) - {session.name for session in sessions}
    if unknown:
        sys.exit('There is no session %s; there are %s.' % (', '.join(sorted(unknown)),
                                                            ', '.join(session.name for session in sessions)))
    return [session for session in sessions if session.name in names or not names and session.name not in ON_REQUEST]


def _place(session):
    return ORDER.index(session.name) if session.name in ORDER else -1


def main(names=()):
    """Run everything; 1 if anything failed."""
    LOGS.mkdir(parents=True, exist_ok=True)
    sessions = _sessions(names)
    for session in sessions:
        session.look_for_python()
    runs = sorted((s for s in sessions if s.result is None), key=_place)
    print('Running %d sessions, %d at a time; follow one in %s.'
          % (len(runs), SESSIONS_AT_A_TIME, os.path.join(os.path.relpath(str(LOGS)), 'NAME.log')), flush=True)
    with ThreadPoolExecutor(max_workers=SESSIONS_AT_A_TIME) as pool:
        list(pool.map(Session.run, runs))

    print('\nSessions')
    for session in sessions:
        print('  %-14s %-8s %s' % (session.name, session.result, session.reason))
    print()
    for session in sessions:
        if session.summary:
            print('%s:\n%s' % (session.name, session.summary))
    return int(any(session.result == 'failed' for session in sessions))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
