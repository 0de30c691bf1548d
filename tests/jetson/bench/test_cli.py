"""The command line of ``thermoscreen bench``."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple

import cv2
import pytest
from click.testing import CliRunner

from jetson.bench import cli, runs
from jetson.bench.options import Progress, until_stopped
from jetson.bench.record import read_document
from service.messages import BundleError, CameraError, InputError, StorageError
from tests.fakes import signing
from tests.fakes.variants import write_variants

CAMERA = 'sim:1?rate=100&width=160&height=120'


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Options of a bundle with every variant that the settings trust."""
    folder = tmp_path_factory.mktemp('bench')
    (folder / 'settings.toml').write_text('[model]\ntrusted_keys = "%s"\nthreads = 1\nbackend = "onnxruntime"\n'
                                          % signing.write_public(folder / 'public'))
    bundle = signing.sign(write_variants(folder / 'bundle'))
    return ('--settings', str(folder / 'settings.toml'), '--bundle', bundle, '--camera', CAMERA)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(runs, 'WARM_UP_S', 0.0)


def run(*arguments):
    return CliRunner().invoke(cli.bench, list(arguments))


def test_everything_is_measured_written_and_shown(installed, tmp_path):
    out = str(tmp_path / 'out')
    result = run('--seconds', '0.05', '--queries', '12', '--paced', '0.1', '--rounds', '1', '--out', out, *installed)
    assert result.exit_code == 0, result.exception
    assert sorted(os.listdir(out)) == ['bench.json', 'bench.md', 'histogram.png', 'stages.png', 'time.png']
    document = read_document(out)
    assert [entry['mode'] for entry in document['runs']] == ['closed', 'paced']
    assert document['runs'][0]['n'] >= 12 and document['bundle']['variant'] == 'fp32'
    rows = {row['name']: row for row in document['variants']}
    assert rows['onnxruntime-cpu:fp16']['n'] == 10 == len(rows['onnxruntime-cpu:fp16']['samples_ms'])
    assert rows['onnxruntime-cpu:int8-qdq']['agreement'] > 0.9
    with open(os.path.join(out, 'bench.md'), encoding='utf-8') as stream:
        assert stream.read() in result.output
    assert cv2.imread(os.path.join(out, 'time.png')) is not None
    assert not document['verdict']['valid'] and 'too-few-samples' in result.output, 'so few frames never count'


def test_json_and_nothing_written(installed):
    result = run('--seconds', '0.01', '--queries', '2', '--paced', '0', '--rounds', '0', '--json', *installed)
    assert result.exit_code == 0, result.exception
    document = json.loads(result.output)
    assert document['variants'] == [] and len(document['runs']) == 1


@pytest.mark.parametrize('arguments', [
    ('--seconds', '0'), ('--seconds', '-1'), ('--seconds', 'nan'), ('--seconds', 'inf'), ('--seconds', 'long'),
    ('--queries', '0'), ('--paced', '-1'), ('--rounds', '-1'), ('--out', 'x', 'compare', 'a', 'b'),
    ('--json', 'cold')])
def test_wrong_use(arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and 'Error' in result.output


def test_refusals_come_before_anything_is_measured(installed, tmp_path):
    def refused(*arguments):
        return run(*(installed + arguments)).exception

    assert isinstance(refused('--bundle', str(tmp_path)), BundleError)
    assert refused('--camera', 'crystal-ball').code == 'camera-spec'
    assert isinstance(refused('--camera', 'replay:%s' % (tmp_path / 'none')), CameraError)
    (tmp_path / 'bench.json').write_text('{}')
    assert isinstance(refused('--out', str(tmp_path)), InputError)


def test_an_unsigned_bundle_is_refused(installed, tmp_path):
    folder = write_variants(tmp_path / 'bundle')
    error = run(*(installed + ('--bundle', folder))).exception
    assert isinstance(error, BundleError) and error.code == 'bundle-unsigned'


def test_no_room(installed, tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda folder: usage(10, 9, 0))
    error = run('--out', str(tmp_path / 'out'), *installed).exception
    assert isinstance(error, StorageError) and error.code == 'disk-full'


def test_figures_are_shown_even_if_the_disk_fills_up(installed, tmp_path, monkeypatch):
    def full(folder, document):
        raise StorageError('disk-full', 'The disk is full.')

    monkeypatch.setattr(cli, 'write_document', full)
    result = run('--seconds', '0.01', '--queries', '2', '--paced', '0', '--rounds', '0', '--out',
                 str(tmp_path / 'out'), *installed)
    assert isinstance(result.exception, StorageError) and 'p90 **' in result.output


#: A whole program that presses Ctrl-C itself, in the middle of the closed loop.
_PROGRAM = '''
import os, signal, sys
from jetson.bench import cli, runs
from service.cli.main import main
real, name = runs.Run.__init__, sys.argv.pop()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
class Timings(list):
    def append(self, timing):
        super().append(timing)
        if len(self) == 20:
            os.kill(os.getpid(), getattr(signal, name))
def init(self, mode, **options):
    real(self, mode, **options)
    self.timings = Timings()
runs.Run.__init__ = init
from service.cli import verbs
from service.plugins import metadata
verbs.registered = lambda: {'bench': metadata.EntryPoint('bench', 'jetson.bench.cli:bench', verbs.GROUP)}
main()
'''


@pytest.mark.slow
@pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM'])
def test_a_signal_keeps_what_was_measured(installed, tmp_path, root, name):
    out = str(tmp_path / 'out')
    process = subprocess.run([sys.executable, '-c', _PROGRAM, 'bench', '--out', out] + list(installed) + [name],
                             cwd=str(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert process.returncode == 130, process.stderr.decode()
    document = read_document(out)
    assert document['interrupted'] and document['runs'][0]['n'] == 20 and not document['runs'][0]['complete']
    assert b'The benchmark was stopped before its end. [incomplete]' in process.stdout
    assert b'Traceback' not in process.stderr


def test_signal_handlers_are_restored_and_other_threads_set_none():
    before = signal.getsignal(signal.SIGTERM)
    with until_stopped():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    seen = []

    def other():
        with until_stopped():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(30)
    assert seen == [before]


def test_progress_is_cleared_and_not_written_to_a_pipe():
    class Terminal:
        def __init__(self, watched):
            self.watched, self.said = watched, ''

        def isatty(self):
            return self.watched

        def write(self, words):
            self.said += words

        def flush(self):
            pass

    for watched in (True, False):
        stream = Terminal(watched)
        progress = Progress(stream)
        progress('a long line')
        progress('short')
        progress.end()
        progress.end()
        assert stream.said == ('\ra long line\rshort      \r     \r' if watched else '')


def test_help_has_an_example():
    for words in ([], ['compare'], ['soak'], ['cold']):
        said = run(*(words + ['--help'])).output
        assert 'Example:' in said and 'thermoscreen bench' in said
