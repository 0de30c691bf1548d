"""``thermoscreen check`` and ``preflight``: exit codes, text and JSON, one line for what is wrong."""
import json

import pytest
from click.testing import CliRunner

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.cli import check_command, preflight_command  # noqa: E402
from export.predict.latency import fit_document  # noqa: E402
from export.targets import TARGETS  # noqa: E402
from service.messages import BundleError, InputError  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402
from tests.export import onnx_files  # noqa: E402
from tests.fakes import bundles, variants  # noqa: E402


def check(*arguments):
    return CliRunner().invoke(check_command, [str(argument) for argument in arguments])


def preflight(*arguments):
    return CliRunner().invoke(preflight_command, [str(argument) for argument in arguments])


@pytest.fixture
def broken(tmp_path):
    """An ONNX file that no Jetson Nano takes."""
    path = tmp_path / 'broken.onnx'
    path.write_bytes(onnx_files.build([onnx_files.node('Mod', ['x', 'x'], ['y'], fmod=1)]))
    return path


def test_a_file_that_fits(tmp_path):
    path = tmp_path / 'model.onnx'
    path.write_bytes(onnx_files.identity())
    result = check(path, '--target', 'jetson-nano')
    assert result.exit_code == 0 and result.output.rstrip().endswith('Fits jetson-nano: no violations, no warnings.')


def test_a_file_with_a_violation(broken):
    result = check(broken, '--target', 'jetson-nano')
    assert result.exit_code == 1
    assert 'VIOLATION broken.onnx operator at the_mod (Mod)' in result.output.splitlines()
    assert check(broken, '--target', 'xavier-nx').exit_code == 0


def test_warnings_let_through(tmp_path):
    path = tmp_path / 'warned.onnx'
    path.write_bytes(onnx_files.build([onnx_files.node('Loop', ['n', '', 'x'], ['y'], body=_body())], {'n': 3}))
    result = check(path, '--target', 'jetson-nano')
    assert result.exit_code == 0 and 'WARNING warned.onnx control-flow at the_loop (Loop)' in result.output


def _body():
    import onnx.helper
    values = [onnx.helper.make_tensor_value_info(*kind) for kind in (
        ('step', onnx_files.INT64, ()), ('more', onnx_files.BOOL, ()), ('a', onnx_files.FLOAT, onnx_files.PICTURE),
        ('again', onnx_files.BOOL, ()), ('b', onnx_files.FLOAT, onnx_files.PICTURE))]
    nodes = [onnx_files.node('Identity', ['more'], ['again']), onnx_files.node('Relu', ['a'], ['b'])]
    return onnx.helper.make_graph(nodes, 'body', values[:3], values[3:])


def test_json_holds_all_of_it(broken):
    result = check(broken, '--target', 'jetson-nano', '--json')
    document = json.loads(result.output)
    assert result.exit_code == 1 and document['fits'] is False and document['kind'] == 'onnx'
    assert document['target']['tensorrt'] == '8.2' and document['target']['operators']['count'] == 130
    found, = document['variants']['broken.onnx']['violations']
    assert set(found) == {'rule', 'severity', 'node', 'operator', 'reason', 'remedy'} and found['node'] == 'the_mod'


def test_a_bundle_suits_when_one_variant_does(tmp_path):
    folder = variants.write_variants(tmp_path / 'b')
    result = check(folder, '--target', 'jetson-nano')
    assert result.exit_code == 0
    assert 'int8-qdq     does not fit, 3 violations' in result.output
    assert result.output.rstrip().splitlines()[-1].startswith('4 of 5 variants fit jetson-nano: fp32, fp16, ')
    document = json.loads(check(folder, '--target', 'jetson-nano', '--json').output)
    assert document['fits'] and 'int8-qdq' not in document['fitting'] and 'fp16' in document['fitting']


def test_a_bundle_whose_only_network_is_refused(tmp_path):
    whole = bundles.files()
    network = onnx_files.build(
        [onnx_files.node('Relu', ['thermogram'], ['a']), onnx_files.node('NonZero', ['a'], ['labels'])],
        inputs={'thermogram': (onnx_files.FLOAT, (1, 1, bundles.HEIGHT, bundles.WIDTH))},
        outputs={'labels': (onnx_files.INT64, (4, None))})
    folder = bundles.write(tmp_path / 'b', contents=dict(whole, **{'model.onnx': network}))
    result = check(folder, '--target', 'jetson-nano')
    assert result.exit_code == 1 and 'VIOLATION fp32 operator at the_nonzero (NonZero)' in result.output


def test_a_bundle_for_study_is_judged_too(tmp_path):
    manifest = bundles.document(deployment={'refused': 'It is not ready.'})
    assert check(bundles.write(tmp_path / 'b', manifest), '--target', 'jetson-nano').exit_code == 0


def test_a_bundle_that_is_not_whole(tmp_path):
    folder = bundles.write(tmp_path / 'b')
    (tmp_path / 'b' / 'model.onnx').write_bytes(onnx_files.identity())
    error = check(folder, '--target', 'jetson-nano').exception
    assert isinstance(error, BundleError) and error.exit_code == 3 and '\n' not in str(error)


@pytest.mark.parametrize('arguments, code', [
    (['gone.onnx', '--target', 'jetson-nano'], 'file-unreadable'),
    (['gone.onnx', '--target', 'toaster'], 'target-unknown'),
    (['gone.onnx'], 'check-what'), (['--target', 'jetson-nano'], 'check-what')])
def test_what_is_wrong_is_one_line(arguments, code):
    error = check(*arguments).exception
    assert isinstance(error, InputError) and error.exit_code == 2
    assert error.code == code and '\n' not in str(error)


@pytest.mark.parametrize('data', [b'', b'GIF89a', onnx_files.conv()[:120]])
def test_what_is_no_onnx_file_is_one_line(tmp_path, data):
    path = tmp_path / 'thing.onnx'
    path.write_bytes(data)
    error = check(path, '--target', 'jetson-nano').exception
    assert isinstance(error, InputError) and error.code == 'onnx-unreadable' and str(path) in error.message.text


def test_the_targets_are_listed():
    result = check('--list')
    assert result.exit_code == 0 and [line.split()[0] for line in result.output.splitlines()[1:]] == list(TARGETS)
    listed = json.loads(check('--list', '--json').output)
    assert [target['name'] for target in listed] == list(TARGETS) and all(target['sources'] for target in listed)


# -- preflight


@pytest.fixture
def path(tmp_path):
    found = tmp_path / 'model.onnx'
    found.write_bytes(onnx_files.conv())
    return found


def test_page_of_the_shipped_bundle():
    result = preflight(SHIPPED_BUNDLE, '--target', 'jetson-nano')
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert 'variants fit jetson-nano' in lines[0] or lines[0].startswith('Fits jetson-nano')
    left = fit_document()['left_out']
    assert 'on %d of %d sources left out: median %.1f %%, worst %.1f %%' % (
        left['n'], len(left['by_source']), left['median_percent'], left['worst_percent']) in result.output
    for word in ('GMAC', 'MiB', 'build       predicted', 'latency     predicted', 'at worst', 'to result', 'to picture',
                 'aim 33 ms', 'assumed'):
        assert word in result.output, word
    assert max(map(len, lines)) < 400


def test_json_of_the_shipped_bundle():
    found = json.loads(preflight(SHIPPED_BUNDLE, '--target', 'jetson-nano', '--json', '--layers').output)
    assert found['kind'] == 'predicted' and found['precision'] == 'fp16' and found['fits']
    assert found['latency_ms']['predicted'] == pytest.approx(sum(row['ms'] for row in found['layers']), rel=1e-2)
    assert found['error'] == {key: fit_document()['left_out'][key] for key in ('n', 'median_percent', 'worst_percent')}
    slower = json.loads(preflight(SHIPPED_BUNDLE, '--target', 'jetson-nano', '--json', '--precision', 'fp32').output)
    assert slower['latency_ms']['predicted'] > found['latency_ms']['predicted']
    assert slower['memory']['weights_bytes'] == 2 * found['memory']['weights_bytes']


def test_prediction_of_a_file(path):
    result = preflight(path, '--target', 'jetson-nano', '--frame', '640x480', '--layers')
    assert result.exit_code == 0 and 'frame 640x480' in result.output and 'the_conv' in result.output


def test_a_network_with_violations_is_predicted_and_exits_with_one(broken):
    result = preflight(broken, '--target', 'jetson-nano')
    assert result.exit_code == 1 and result.output.startswith('Does not fit') and 'predicted' in result.output


@pytest.mark.parametrize(('arguments', 'code'), [
    (('--target', 'jetson-nanno'), 'target-unknown'),
    (('--target', 'jetson-nano', '--frame', '1x1'), 'frame-unknown')])
def test_no_such_target_or_frame(path, arguments, code):
    result = preflight(path, *arguments)
    assert isinstance(result.exception, InputError) and result.exception.code == code


def test_no_prediction_of_damaged_and_absent_files(path, tmp_path):
    path.write_bytes(path.read_bytes()[:20])
    assert preflight(path, '--target', 'jetson-nano').exception.code == 'onnx-unreadable'
    assert preflight(tmp_path / 'none.onnx', '--target', 'jetson-nano').exception.code == 'file-unreadable'
    assert isinstance(preflight(tmp_path, '--target', 'jetson-nano').exception, BundleError)


@pytest.mark.parametrize('verb', [check, preflight])
def test_of_two_networks_each_file_is_to_be_named(tmp_path, verb):
    folder = bundles.write_pair(tmp_path / 'pair')
    error = verb(folder, '--target', 'jetson-nano').exception
    assert isinstance(error, InputError) and error.code == 'two-networks'
    assert error.message.next_step == 'Name %s/model.onnx, and then %s/classifier.onnx.' % (folder, folder)
    assert verb(folder + '/classifier.onnx', '--target', 'jetson-nano').exit_code == 0
