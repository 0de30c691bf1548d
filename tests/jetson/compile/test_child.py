"""The build in another process: how it may end, and what is left then. Every test starts real processes."""
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from jetson.compile import Progress, process, run
from service.messages import BackendError, StorageError
from tests.fakes.tensorrt_double import install as tensorrt_double_in

from .bench import build, plans, refused

pytestmark = pytest.mark.slow

#: How a build may end, the code that the parent gives it, and words of its sentence.
ENDINGS = [('abort', 'engine-timeout', 'the launch timed out), and the build ended with SIGABRT'),
           ('exit', 'engine-aborted', 'exit code 3 and without an answer'),
           ('timeout', 'engine-timeout', 'CUDA stopped a kernel that ran too long')]


def built_here(bundle, store, precision='fp16'):
    """Fill the store without another process, before the test begins; name to plan."""
    with pytest.MonkeyPatch.context() as patch:
        tensorrt_double_in(patch)
        build(bundle, store, precision)
    return plans(store)


@pytest.mark.parametrize('cuda', ['pycuda', 'driver'])
def test_a_build_in_another_process_is_the_same_engine(tensorrt_double, bundle, store, cuda):
    tensorrt_double(child=True, cuda=cuda, slow_build=0.5)
    screen = io.StringIO()
    record = build(bundle, store, screen=screen).record
    assert record['variant'] == 'fp32-logits' and record['proof']['labels_agreement'] > 0.98
    assert 'Building FP16' in screen.getvalue() and 'Proving it on the golden pair' in screen.getvalue()
    assert build(bundle, store).reused
    with open(os.path.join(store.folder, 'build-fp16-fp32-logits.log'), encoding='utf-8') as stream:
        assert '[I] ' in stream.read()
    assert not [name for name in os.listdir(store.folder) if name.startswith('.build-')]


@pytest.mark.parametrize('ending, code, words', ENDINGS)
def test_however_a_build_ends_it_is_one_sentence_and_worth_another_route(tensorrt_double, plain, store, ending, code,
                                                                         words):
    tensorrt_double(sm=72, child=True, ending=ending, ending_at='ArgMax')
    error = refused(plain, store, 'fp32')
    assert error.code == code and words in error.message.sentence and code in run.WORTH_ANOTHER_ROUTE
    assert error.message.facts['log'] == os.path.join(store.folder, 'build-fp32-fp32.log')


def test_after_a_killed_build_the_next_route_is_taken(tensorrt_double, bundle, store):
    tensorrt_double(sm=72, child=True, ending='kill', ending_at='ArgMax')
    compiled = build(bundle, store)
    assert compiled.record['variant'] == 'fp32-logits'
    assert 'because memory ran out' in compiled.notes[0] and 'Trying FP16 from fp32-logits' in compiled.notes[0]
    assert '\n' not in compiled.notes[0]


def test_where_every_route_ends_the_older_engine_stays_and_the_log_is_named(tensorrt_double, bundle, store):
    there = built_here(bundle, store, 'auto')
    tensorrt_double(child=True, ending='abort')
    error = refused(bundle, store, 'auto', force=True)
    assert error.code == 'engine-timeout' and error.exit_code == 4 and plans(store) == there
    assert error.message.facts['ended'] == 'SIGABRT' and error.message.facts['log'] in error.message.text
    with open(error.message.facts['log'], encoding='utf-8') as stream:
        log = stream.read()
    # CUDA's words, where Python was, and what TensorRT was at.
    assert 'launch timed out' in log and 'Fatal Python error: Aborted' in log and '[last] Timing Runner: ' in log


def test_a_gpu_that_is_lost_in_the_proof_is_a_failed_route(tensorrt_double, bundle, store):
    tensorrt_double(child=True, cuda_error='the launch timed out and was terminated')
    error = refused(bundle, store)
    assert error.code == 'engine-timeout' and 'failed when it ran' in error.message.text and store.list() == []


def test_errors_of_the_child_are_the_parents(tensorrt_double, bundle, store, monkeypatch):
    tensorrt_double(child=True, no_device=True)
    error = refused(bundle, store)
    assert error.code == 'cuda-missing' and error.message.facts['log'].endswith('abilities.log')


def test_a_build_that_takes_too_long_is_ended(tensorrt_double, bundle, store, monkeypatch):
    tensorrt_double(child=True, slow_build=600.0)
    real = process.ask

    def ask(request, *arguments):
        return real(request, *arguments, limit_s=3.0 if request['task'] == 'build' else 60.0)

    monkeypatch.setattr(process, 'ask', ask)
    error = refused(bundle, store)
    assert error.code == 'engine-timeout' and 'was ended after 3 s' in error.message.text


def test_a_child_that_is_not_understood_is_reported(store, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    with pytest.raises(BackendError) as caught:
        process.ask({'task': 'abilities'}, Progress(io.StringIO()), print, str(tmp_path / 'log'))
    assert caught.value.code == 'engine-aborted' and 'exit code 1' in caught.value.message.text
    with pytest.raises(StorageError):
        process.ask({'task': 'abilities'}, Progress(io.StringIO()), print, str(tmp_path / 'nowhere' / 'log'))


def test_a_plan_that_finds_no_room_is_one_sentence(tensorrt_double, bundle, store, monkeypatch, tmp_path):
    there = built_here(bundle, store)
    tensorrt_double(child=True)
    (tmp_path / 'sitecustomize.py').write_text(FULL_DISK)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']]))
    error = refused(bundle, store, force=True)
    assert error.code == 'disk-full' and error.exit_code == 6 and plans(store) == there
    assert not [name for name in os.listdir(store.folder) if name.startswith('.build-') or name.endswith('.part')]


#: In the child, every file write fails; pipes and the log go on.
FULL_DISK = '''
import errno, os, stat
real = os.write
def write(descriptor, data):
    if descriptor > 2 and stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(descriptor, data)
os.write = write
'''

KILLED = '''
import io, sys
from jetson.compile import CompileOptions, Progress, compile_engine
from service.bundle import open_bundle
from service.engines import EngineStore
compile_engine(open_bundle(sys.argv[1]), EngineStore(sys.argv[2]), 'fp16', CompileOptions(force=True),
               Progress(interval_s=0.01))
'''


def test_a_parent_that_is_killed_takes_the_child_with_it(tensorrt_double, bundle, store, root):
    there = built_here(bundle, store)
    double = tensorrt_double(child=True, slow_build=600.0)
    parent = subprocess.Popen([sys.executable, '-c', KILLED, bundle.folder, store.folder], cwd=str(root),
                              stderr=subprocess.PIPE)
    try:
        assert b'Building FP16' in parent.stderr.readline()
        assert 'process %d' % parent.pid in refused(bundle, store, force=True).message.text
        children = [pid for pid in map(int, filter(str.isdigit, os.listdir('/proc')))
                    if _parent_of(pid) == parent.pid]
        assert len(children) == 1
    finally:
        parent.kill()
        parent.communicate()
    assert parent.returncode == -signal.SIGKILL
    _wait_until_gone(children[0])
    assert plans(store) == there and [name for name in os.listdir(store.folder) if name.startswith('.build-')]
    double.faults.slow_build = 0.0
    assert build(bundle, store, force=True).name in there
    assert not [name for name in os.listdir(store.folder) if name.startswith('.build-')]


def test_the_child_offers_itself_to_the_kernel_first(tensorrt_double, bundle, store, root, monkeypatch):
    if not os.access('/proc/self/oom_score_adj', os.W_OK):
        pytest.skip('this kernel does not let a process offer itself')
    request = json.dumps({'task': 'abilities', 'cuda': 'auto', 'sm': 53, 'parent': os.getpid()}).encode()
    tensorrt_double(child=True)
    answer = subprocess.run([sys.executable, '-c', 'from jetson.compile import child\n'
                             'real = child.Channel.finish\n'
                             'child.Channel.finish = lambda self, **outcome: real(self, **dict(outcome, score=open('
                             '"/proc/self/oom_score_adj").read()))\n'
                             'child.main()'], input=request, cwd=str(root), stdout=subprocess.PIPE, check=True)
    last = json.loads(answer.stdout.decode().splitlines()[-1])
    assert last['answer']['sm'] == 53 and last['answer']['fp16'] and int(last['score']) == 500


def test_a_child_whose_parent_is_gone_ends_before_it_loads_anything(root):
    child = subprocess.run([sys.executable, '-X', 'importtime', '-c', process._PROGRAM, str(os.getpid() + 1)],
                           cwd=str(root), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert child.returncode == 1 and b'numpy' not in child.stderr


def _parent_of(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8') as stream:
            return int(stream.read().rpartition(')')[2].split()[1])
    except OSError:
        return 0


def _wait_until_gone(pid):
    """Return when a process has ended; a zombie has."""
    while True:
        try:
            with open('/proc/%d/stat' % pid, encoding='utf-8') as stream:
                if stream.read().rpartition(')')[2].split()[0] in 'ZX':
                    return
        except OSError:
            return
        time.sleep(0.05)
