"""``thermoscreen compile`` and ``thermoscreen engines`` as they are typed."""
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from jetson.compile.cli import compile_command, engines
from service.messages import BackendError, BundleError
from tests.fakes import bundles, signing
from tests.fakes.libcuda import library_folder
from tests.fakes.ports import free_port
from tests.fakes.variants import write_variants


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / 'settings.toml'
    path.write_text('[model]\nallow_unsigned = true\nengines = "%s"\n' % (tmp_path / 'engines'))
    return str(path)


def runner():
    """A runner that keeps standard output and standard error apart."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:  # from click 8.2 on it always does
        return CliRunner()


def run(command, *arguments):
    """Standard output and exit code; what was raised is raised here."""
    result = runner().invoke(command, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout, result.exit_code


def test_a_bundle_becomes_an_engine(tensorrt_double, bundle, settings, tmp_path):
    tensorrt_double()
    before = signal.getsignal(signal.SIGINT)
    text, code = run(compile_command, bundle.folder, '--settings', settings)
    assert code == 0 and 'FP16 from fp32-logits for NVIDIA Tegra X1 (TensorRT 8.2.1.8)' in text
    assert 'Golden pair: ' in text and 'median ' in text and str(tmp_path / 'engines') in text
    assert signal.getsignal(signal.SIGINT) is before
    again, _ = run(compile_command, bundle.folder, '--settings', settings)
    assert 'was there already' in again


def test_the_report_is_one_json_document(tensorrt_double, bundle, settings, tmp_path):
    tensorrt_double(version='8.5.2', sm=72, low_memory=True)
    text, _ = run(compile_command, bundle.folder, '--settings', settings, '--json', '--engines', tmp_path / 'other',
                  '--precision', 'int8', '--no-cublas', '--workspace', '64')
    report = json.loads(text)
    assert report['precision'] == 'int8' and report['low_memory'] and os.path.exists(report['file'])
    assert os.path.dirname(report['file']) == str(tmp_path / 'other') and not report['reused']
    assert 'no-cublas' in report['record']['key']['flags'] and 'workspace=64' in report['record']['key']['flags']


def test_without_tensorrt_the_code_is_4(bundle, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    with pytest.raises(BackendError) as caught:
        run(compile_command, bundle.folder, '--settings', settings)
    assert caught.value.exit_code == 4 and 'ONNX Runtime' in caught.value.message.text
    assert '\n' not in caught.value.message.text


@pytest.mark.parametrize('chosen, said', [('auto', 'is no NVIDIA driver'), ('driver', 'is no NVIDIA driver'),
                                          ('pycuda', 'pycuda cannot be used')])
def test_without_cuda_the_code_is_4_and_nothing_is_written(tensorrt_double, bundle, settings, monkeypatch, tmp_path,
                                                            chosen, said):
    tensorrt_double()
    monkeypatch.setitem(sys.modules, 'pycuda', None)
    monkeypatch.setitem(sys.modules, 'pycuda.driver', None)
    with open(settings, 'a') as stream:
        stream.write('cuda = "%s"\n' % chosen)
    with pytest.raises(BackendError) as caught:
        run(compile_command, bundle.folder, '--settings', settings)
    assert caught.value.exit_code == 4 and caught.value.code == 'cuda-missing' and said in caught.value.message.text
    assert '\n' not in caught.value.message.text and not list((tmp_path / 'engines').glob('*.plan'))


#: The verbs as they are typed, in one process: compile, analyse, engines verify, and serve until its first result.
VERBS = '''
import os, signal, sys, threading, time, urllib.request
import pytest
from tests.fakes.tensorrt_double import install

def until_ready():
    while True:
        try:
            urllib.request.urlopen('http://127.0.0.1:%s/readiness' % port, timeout=5)
            break
        except OSError:
            time.sleep(0.05)
    before = double.executions
    while double.executions < before + 5:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)

folder, settings, frame, port = sys.argv[1:]
double = install(pytest.MonkeyPatch(), cuda='driver')
from service.cli import main
import service.cli.serve
# It ends the process at once; here it is to be seen what is left before.
sys.modules['service.cli.serve'].end_process = sys.exit
for words in (['compile', folder], ['analyse', frame, '--scale', 'centikelvin', '--bundle', folder, '--out',
                                    frame + '-results'],
              ['engines', 'verify', '--bundle', folder], ['serve', '--port', port, '--bundle', folder]):
    if words[0] == 'serve':
        threading.Thread(target=until_ready, daemon=True).start()
    sys.argv = ['thermoscreen'] + words + ['--settings', settings]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
    print(words[0], 'executions', double.executions, double.alive(), double.leaks())
'''


@pytest.mark.slow
def test_every_verb_runs_without_pycuda_and_gives_everything_back(root, bundle, settings, tmp_path):
    library_folder()  # skips where the stand-in for libcuda cannot be built
    counts = np.round(100 * (bundles.warm_square() + 273.15)).astype(np.uint16)
    np.save(str(tmp_path / 'frame.npy'), counts)
    port = free_port()
    process = subprocess.run([sys.executable, '-c', VERBS, bundle.folder, settings, str(tmp_path / 'frame.npy'),
                              str(port)], cwd=str(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             universal_newlines=True, timeout=300)
    assert process.returncode == 0, process.stdout
    nothing = "{'contexts': 0, 'buffers': 0, 'pinned': 0, 'streams': 0, 'events': 0} []"
    lines = re.findall(r'^(\w+) executions (\d+) (.*)$', process.stdout, re.MULTILINE)
    assert [verb for verb, _, _ in lines] == ['compile', 'analyse', 'engines', 'serve'], process.stdout
    assert {left for _, _, left in lines} == {nothing}, process.stdout
    executions = [int(number) for _, number, _ in lines]
    assert 0 < executions[0] < executions[1] < executions[2] < executions[3]


def test_only_bundles_that_are_trusted_are_compiled(tensorrt_double, settings, tmp_path):
    double = tensorrt_double()
    folder = signing.sign(write_variants(tmp_path / 'strange'), signing.STRANGER)
    with pytest.raises(BundleError) as caught:
        run(compile_command, folder, '--settings', settings)
    assert caught.value.code == 'bundle-key' and double.builds == 0


def test_engines_are_listed_verified_and_removed(tensorrt_double, bundle, settings, tmp_path):
    double = tensorrt_double()
    assert 'No engines in' in run(engines, 'list', '--settings', settings)[0]
    for precision in ('fp16', 'fp32'):
        run(compile_command, bundle.folder, '--settings', settings, '--precision', precision)
    listed = json.loads(run(engines, 'list', '--settings', settings, '--json')[0])['engines']
    names = [entry['name'] for entry in listed]
    assert len(names) == 2 and names[0].startswith('fp16-') and names[1].startswith('fp32-')
    assert 'FP16 of variants 1.0.0, from fp32-logits, built ' in run(engines, 'list', '--settings', settings)[0]

    verify = ('verify', '--settings', settings, '--bundle', bundle.folder)
    text, code = run(engines, *verify)
    assert code == 0 and text.count('gives the golden answer') == 2
    report = json.loads(run(engines, *(verify + ('--json', names[0])))[0])
    assert [(entry['subject'], entry['severity']) for entry in report['engines']] == [(names[0], 'ok')]
    assert report['engines'][0]['facts']['proof']['labels_agreement'] > 0.98

    assert run(engines, 'remove', names[0], '--settings', settings)[0] == '%s removed.\n' % names[0]
    with pytest.raises(BackendError) as caught:
        run(engines, 'remove', names[0], '--settings', settings)
    assert caught.value.code == 'engine-missing' and double.leaks() == []


def test_verify_finds_what_must_not_be_used(tensorrt_double, bundle, plain, settings, tmp_path):
    double = tensorrt_double()
    run(compile_command, bundle.folder, '--settings', settings, '--precision', 'fp16')
    verify = ('verify', '--settings', settings, '--bundle', bundle.folder)
    double.faults.nan = True
    text, code = run(engines, *verify)
    assert code == 1 and 'not finite' in text
    double.faults.nan = False

    tensorrt_double(version='8.0.1')
    text, code = run(engines, *verify)
    assert code == 1 and 'TensorRT: built for 8.2.1.8, here 8.0.1.6' in text
    tensorrt_double()

    other = write_variants(tmp_path / 'other', finding=False)
    text, code = run(engines, 'verify', '--settings', settings, '--bundle', other)
    assert code == 0 and 'its answer was not checked' in text

    plan = next(name for name in os.listdir(str(tmp_path / 'engines')) if name.endswith('.plan'))
    with open(str(tmp_path / 'engines' / plan), 'ab') as stream:
        stream.write(b'!')
    text, code = run(engines, *verify)
    assert code == 1 and 'not the file that was built' in text
    record = next(name for name in os.listdir(str(tmp_path / 'engines')) if name.endswith('.engine.json'))
    os.truncate(str(tmp_path / 'engines' / record), 100)
    text, code = run(engines, *verify)
    assert code == 1 and 'damaged' in text
    assert 'damaged' in run(engines, 'list', '--settings', settings)[0]


def test_the_service_runs_what_was_compiled(tensorrt_double, bundle, settings):
    from service.pipeline import Pipeline
    from service.selection import Runtime
    from service.settings import load_settings

    double = tensorrt_double()
    run(compile_command, bundle.folder, '--settings', settings, '--precision', 'fp16')
    with Pipeline.from_folder(bundle.folder, runtime=Runtime.from_settings(load_settings(settings))) as pipeline:
        assert pipeline.backend['name'] == 'tensorrt' and pipeline.backend['precision'] == 'fp16'
    double.faults.nan = True
    with Pipeline.from_folder(bundle.folder, runtime=Runtime.from_settings(load_settings(settings))) as pipeline:
        assert pipeline.backend['name'] == 'onnxruntime'
        assert pipeline.backend['passed_over'][0]['code'] == 'golden-mismatch'
    assert double.leaks() == []
