"""``thermoscreen check``: exit codes, text and JSON, one line for what is wrong."""
import json

import pytest
from click.testing import CliRunner

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.check_cli import check_command  # noqa: E402
from export.targets import TARGETS  # noqa: E402
from service.messages import BundleError, InputError  # noqa: E402
from tests.export.check import models  # noqa: E402
from tests.fakes import bundles, variants  # noqa: E402


def call(*arguments):
    return CliRunner().invoke(check_command, [str(argument) for argument in arguments])


@pytest.fixture
def broken(tmp_path):
    """An ONNX file that no Jetson Nano takes."""
    path = tmp_path / 'broken.onnx'
    path.write_bytes(models.build([models.node('Mod', ['x', 'x'], ['y'], fmod=1)]))
    return path


def test_a_file_that_fits(tmp_path):
    path = tmp_path / 'model.onnx'
    path.write_bytes(models.identity())
    result = call(path, '--target', 'jetson-nano')
    assert result.exit_code == 0 and result.output.rstrip().endswith('Fits jetson-nano: no violations, no warnings.')


def test_a_file_with_a_violation(broken):
    result = call(broken, '--target', 'jetson-nano')
    assert result.exit_code == 1
    assert 'VIOLATION broken.onnx operator at the_mod (Mod)' in result.output.splitlines()
    assert call(broken, '--target', 'xavier-nx').exit_code == 0


def test_warnings_let_through(tmp_path):
    path = tmp_path / 'warned.onnx'
    path.write_bytes(models.build([models.node('Loop', ['n', '', 'x'], ['y'], body=_body())], {'n': 3}))
    result = call(path, '--target', 'jetson-nano')
    assert result.exit_code == 0 and 'WARNING warned.onnx control-flow at the_loop (Loop)' in result.output


def _body():
    import onnx.helper
    values = [onnx.helper.make_tensor_value_info(*kind) for kind in (
        ('step', models.INT64, ()), ('more', models.BOOL, ()), ('a', models.FLOAT, models.PICTURE),
        ('again', models.BOOL, ()), ('b', models.FLOAT, models.PICTURE))]
    nodes = [models.node('Identity', ['more'], ['again']), models.node('Relu', ['a'], ['b'])]
    return onnx.helper.make_graph(nodes, 'body', values[:3], values[3:])


def test_json_holds_all_of_it(broken):
    result = call(broken, '--target', 'jetson-nano', '--json')
    document = json.loads(result.output)
    assert result.exit_code == 1 and document['fits'] is False and document['kind'] == 'onnx'
    assert document['target']['tensorrt'] == '8.2' and document['target']['operators']['count'] == 130
    found, = document['variants']['broken.onnx']['violations']
    assert set(found) == {'rule', 'severity', 'node', 'operator', 'reason', 'remedy'} and found['node'] == 'the_mod'


def test_a_bundle_suits_when_one_variant_does(tmp_path):
    folder = variants.write_variants(tmp_path / 'b')
    result = call(folder, '--target', 'jetson-nano')
    assert result.exit_code == 0
    assert 'int8-qdq     does not fit, 3 violations' in result.output
    assert result.output.rstrip().splitlines()[-1].startswith('4 of 5 variants fit jetson-nano: fp32, fp16, ')
    document = json.loads(call(folder, '--target', 'jetson-nano', '--json').output)
    assert document['fits'] and 'int8-qdq' not in document['fitting'] and 'fp16' in document['fitting']


def test_a_bundle_whose_only_network_is_refused(tmp_path):
    whole = bundles.files()
    network = models.build(
        [models.node('Relu', ['thermogram'], ['a']), models.node('NonZero', ['a'], ['labels'])],
        inputs={'thermogram': (models.FLOAT, (1, 1, bundles.HEIGHT, bundles.WIDTH))},
        outputs={'labels': (models.INT64, (4, None))})
    folder = bundles.write(tmp_path / 'b', contents=dict(whole, **{'model.onnx': network}))
    result = call(folder, '--target', 'jetson-nano')
    assert result.exit_code == 1 and 'VIOLATION fp32 operator at the_nonzero (NonZero)' in result.output


def test_a_bundle_for_study_is_judged_too(tmp_path):
    manifest = bundles.document(deployment={'refused': 'It is not ready.'})
    assert call(bundles.write(tmp_path / 'b', manifest), '--target', 'jetson-nano').exit_code == 0


def test_a_bundle_that_is_not_whole(tmp_path):
    folder = bundles.write(tmp_path / 'b')
    (tmp_path / 'b' / 'model.onnx').write_bytes(models.identity())
    error = call(folder, '--target', 'jetson-nano').exception
    assert isinstance(error, BundleError) and error.exit_code == 3 and '\n' not in str(error)


@pytest.mark.parametrize('arguments, code', [
    (['gone.onnx', '--target', 'jetson-nano'], 'file-unreadable'),
    (['gone.onnx', '--target', 'toaster'], 'target-unknown'),
    (['gone.onnx'], 'check-what'), (['--target', 'jetson-nano'], 'check-what')])
def test_what_is_wrong_is_one_line(arguments, code):
    error = call(*arguments).exception
    assert isinstance(error, InputError) and error.exit_code == 2
    assert error.code == code and '\n' not in str(error)


@pytest.mark.parametrize('data', [b'', b'GIF89a', models.conv()[:120]])
def test_what_is_no_onnx_file_is_one_line(tmp_path, data):
    path = tmp_path / 'thing.onnx'
    path.write_bytes(data)
    error = call(path, '--target', 'jetson-nano').exception
    assert isinstance(error, InputError) and error.code == 'onnx-unreadable' and str(path) in error.message.text


def test_the_targets_are_listed():
    result = call('--list')
    assert result.exit_code == 0 and [line.split()[0] for line in result.output.splitlines()[1:]] == list(TARGETS)
    listed = json.loads(call('--list', '--json').output)
    assert [target['name'] for target in listed] == list(TARGETS) and all(target['sources'] for target in listed)
