"""The verb adds an INT8 variant that was compared with FP32, and changes nothing else."""
import copy
import hashlib
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

for _name in ('torch', 'onnx', 'sklearn'):
    pytest.importorskip(_name, reason='%s is not installed here' % _name)

from calibration import read_cache  # noqa: E402
from export.runners import open_session, run_session  # noqa: E402
from models.calibrating.cli import calibrate_command  # noqa: E402
from service.backends import OnnxRuntimeBackend  # noqa: E402
from service.bundle import golden_thermogram, open_bundle, pack_golden, prove, to_counts, write_bundle  # noqa: E402
from service.chains import get_chain  # noqa: E402
from service.messages import BundleError, InputError, ThermoscreenError  # noqa: E402
from service.simulator import make_phantom  # noqa: E402
from tests.export.shallow import HEIGHT, WIDTH, Shallow, export  # noqa: E402
from tests.fakes.bundles import document  # noqa: E402

DATA = 'phantoms:700:6'


def _bundle(folder, **options):
    """A bundle of the small network, with its golden pair."""
    folder.mkdir(parents=True)
    model = export(Shallow(**options), folder)
    chain = get_chain('plateau-1', {'height': HEIGHT, 'width': WIDTH})
    celsius = make_phantom(3, HEIGHT, WIDTH, True).celsius
    tensor = chain.apply(golden_thermogram(to_counts(celsius))).tensor
    manifest = copy.deepcopy(document())
    for role in ('labels', 'confidence'):
        manifest['outputs'][role]['shape'] = [1, HEIGHT, WIDTH]
    manifest['input']['shape'] = [1, 1, HEIGHT, WIDTH]
    manifest['preprocess']['constants'] = {'height': HEIGHT, 'width': WIDTH}
    manifest['finding']['classes'] = ['as expected', 'pattern differs']
    golden = pack_golden(golden_thermogram(to_counts(celsius)).pixels,
                         run_session(open_session(model), {'thermogram': tensor}))
    write_bundle(str(folder / 'bundle'), manifest, {'model.onnx': model, 'golden.npz': golden})
    return folder / 'bundle'


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    return _bundle(tmp_path_factory.mktemp('calibrating') / 'a')


def _run(*words):
    return CliRunner().invoke(calibrate_command, [str(word) for word in words], catch_exceptions=True)


def _calibrated(source, out, *words):
    result = _run(source, '--data', DATA, '--out', out, '--frames', 3, '--judge-frames', 2, '--json', *words)
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


@pytest.fixture(scope='module')
def calibrated(source, tmp_path_factory):
    out = tmp_path_factory.mktemp('calibrated') / 'bundle'
    return out, _calibrated(source, out, '--method', 'minmax')


def _state(folder):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(os.listdir(str(folder)))}


def test_bundle_opens_and_int8_proves_itself(calibrated):
    out, _ = calibrated
    bundle = open_bundle(str(out))
    variant = bundle.variants['int8-qdq']
    assert (variant.precision, variant.answers) == ('int8', True)
    for name in ('fp32', 'int8-qdq'):
        with OnnxRuntimeBackend(bundle.read_model(name), bundle.inputs, bundle.variants[name].outputs) as backend:
            assert prove(bundle, backend.infer, name)['labels_agreement'] > 0.9


def test_cache_is_of_the_file(calibrated, source):
    out, _ = calibrated
    bundle = open_bundle(str(out))
    cache = read_cache(bundle.read_calibration(), {'thermogram': 1.0})
    assert cache.header == 'TRT-8201-EntropyCalibration2'
    import onnx
    graph = onnx.load_from_string(bundle.read_model('int8-qdq')).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    pairs = [node for node in graph.node if node.op_type == 'QuantizeLinear' and node.input[0] in cache.scales]
    assert pairs and all(constants[node.input[1]].tobytes() == cache.scales[node.input[0]].tobytes()
                         for node in pairs)


def test_everything_else_stays(calibrated, source):
    out, _ = calibrated
    before, after = (json.loads((folder / 'manifest.json').read_text()) for folder in (source, out))
    assert {name: after['files'][name] for name in before['files']} == before['files']
    assert set(after['files']) - set(before['files']) == {'calibration.cache', 'model.int8.onnx'}
    assert {key: value for key, value in after.items() if key not in ('files', 'variants', 'calibration')} == {
        key: value for key, value in before.items() if key != 'files'}
    assert after['calibration'] == {'file': 'calibration.cache', 'method': 'minmax', 'frames': 3, 'data': 'phantoms'}


def test_figures_have_their_n(calibrated):
    out, figures = calibrated
    manifest = open_bundle(str(out)).manifest.raw
    assert figures['parity'] == manifest['variants']['int8-qdq']['parity']['frames']
    assert sorted(figures['parity']) == ['2 other frames of phantoms', '2 phantoms']
    for parity in figures['parity'].values():
        assert parity['frames'] == parity['labelled'] == 2 and parity['not_finite'] == 0
        assert parity['miou_change'] >= -0.01 and len(parity['miou_change_ci95']) == 2
    latency = figures['latency']
    assert latency['n'] == 20 and latency['ratio'] == pytest.approx(latency['fp32_ms'] / latency['int8_ms'], rel=0.05)
    assert 'ONNX Runtime' in latency['conditions']
    assert figures['finding'] is None and '--positive' in figures['why_no_thresholds']


def test_calibrating_again_replaces_the_earlier_one(calibrated, tmp_path):
    first, _ = calibrated
    out = tmp_path / 'again'
    _calibrated(first, out, '--method', 'percentile', '--no-thresholds')
    bundle = open_bundle(str(out))
    assert bundle.manifest['calibration']['method'] == 'percentile'
    assert bundle.read_model('int8-qdq') != open_bundle(str(first)).read_model('int8-qdq')
    assert sorted(os.listdir(str(out))) == sorted(os.listdir(str(first)))


def test_without_out_the_bundle_itself_is_replaced_and_text_says_what_was_found(source, tmp_path):
    folder = tmp_path / 'own'
    _copy(source, folder)
    result = _run(folder, '--data', DATA, '--frames', 3, '--judge-frames', 2, '--positive', 'pattern differs',
                  '--threshold', 'youden', '--method', 'minmax')
    assert result.exit_code == 0, (result.output, result.exception)
    manifest = open_bundle(str(folder)).manifest
    assert [point['n'] for point in manifest.finding['operating_points']] == [3, 3, 3]
    assert 0 < manifest.finding['threshold'] < 1 and 'youden' in manifest.finding['threshold_basis']
    for words in ('mIoU', '95 % interval', 'ratio', 'n = 20 each', 'Temperature', 'Threshold of the finding'):
        assert words in result.stdout


@pytest.fixture(scope='module')
def lopsided(tmp_path_factory):
    """A bundle with one inner channel much larger than the others: its range leaves the others no levels."""
    return _bundle(tmp_path_factory.mktemp('lopsided') / 'a', outlier=3000.0)


def test_int8_that_loses_the_answers_is_not_written(lopsided, tmp_path):
    before, out = _state(lopsided), tmp_path / 'out'
    for where in (('--out', out), ()):
        result = _run(lopsided, '--data', DATA, '--frames', 3, '--judge-frames', 2, '--method', 'minmax', *where)
        assert isinstance(result.exception, BundleError) and result.exception.code == 'parity-failed'
        assert '--keep-float' in result.exception.message.text and 'Judged on' in result.exception.message.text
        assert not out.exists() and _state(lopsided) == before


def test_leaving_nodes_in_floating_point_helps(lopsided, tmp_path):
    import onnx
    nodes = onnx.load(str(lopsided / 'model.onnx')).graph.node
    names = [node.name for node in nodes if node.op_type in ('Conv', 'ConvTranspose')]
    result = _run(lopsided, '--data', DATA, '--frames', 3, '--judge-frames', 2, '--out', tmp_path / 'out',
                  '--no-thresholds', '--method', 'minmax', '--keep-float', names[1], '--keep-float', names[2])
    assert result.exit_code == 0, (result.output, result.exception)


@pytest.mark.parametrize('words, code', [
    (('--data', 'nowhere'), 'folder-missing'), (('--data', 'phantoms:1'), 'phantoms-range'),
    (('--data', DATA, '--keep-float', 'Conv_999'), 'nodes-unknown'),
    (('--data', DATA, '--positive', 'sad'), 'class-unknown')])
def test_bad_input(source, tmp_path, words, code):
    result = _run(source, '--out', tmp_path / 'out', '--method', 'minmax', '--frames', 2, '--judge-frames', 1, *words)
    assert isinstance(result.exception, InputError) and result.exception.code == code
    assert not (tmp_path / 'out').exists()


def test_a_folder_without_a_bundle(tmp_path):
    result = _run(tmp_path, '--data', DATA)
    assert isinstance(result.exception, ThermoscreenError)


def test_frames_that_cannot_be_used_are_named(source, tmp_path):
    folder = tmp_path / 'data'
    (folder / 'images').mkdir(parents=True)
    np.save(str(folder / 'images' / 'good.npy'), make_phantom(11, 96, 128, False).celsius.astype(np.float32))
    (folder / 'images' / 'cut.npy').write_bytes(b'\x93NUMPY')
    (folder / 'patients.csv').write_text('file,patient\ngood.npy,a\ncut.npy,b\n')
    result = _run(source, '--data', folder, '--out', tmp_path / 'out', '--frames', 4, '--judge-frames', 1, '--method',
                  'minmax')
    assert result.exit_code == 0, (result.output, result.exception)
    assert 'cut' in result.stderr and 'left out' in result.stderr
    assert list(open_bundle(str(tmp_path / 'out')).variants['int8-qdq'].parity['frames']) == [
        '1 frames of data', '1 phantoms']


def _copy(source, folder):
    folder.mkdir()
    for name in os.listdir(str(source)):
        (folder / name).write_bytes((source / name).read_bytes())
