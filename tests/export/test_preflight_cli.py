"""``thermoscreen preflight``: its words, its exit codes, one line for what is wrong."""
import json

import pytest
from click.testing import CliRunner

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.predict.coefficients import document  # noqa: E402
from export.preflight_cli import preflight_command  # noqa: E402
from service.messages import BundleError, InputError  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402
from tests.export.check import models  # noqa: E402


def call(*arguments):
    return CliRunner().invoke(preflight_command, [str(argument) for argument in arguments])


@pytest.fixture
def path(tmp_path):
    found = tmp_path / 'model.onnx'
    found.write_bytes(models.conv())
    return found


def test_page_of_the_shipped_bundle():
    result = call(SHIPPED_BUNDLE, '--target', 'jetson-nano')
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert 'variants fit jetson-nano' in lines[0] or lines[0].startswith('Fits jetson-nano')
    left = document()['left_out']
    assert 'on %d of %d sources left out: median %.1f %%, worst %.1f %%' % (
        left['n'], len(left['by_source']), left['median_percent'], left['worst_percent']) in result.output
    for word in ('GMAC', 'MiB', 'build       predicted', 'latency     predicted', 'at worst', 'to result', 'to picture',
                 'aim 33 ms', 'assumed'):
        assert word in result.output, word
    assert max(map(len, lines)) < 400


def test_json_of_the_shipped_bundle():
    found = json.loads(call(SHIPPED_BUNDLE, '--target', 'jetson-nano', '--json', '--layers').output)
    assert found['kind'] == 'predicted' and found['precision'] == 'fp16' and found['fits']
    assert found['latency_ms']['predicted'] == pytest.approx(sum(row['ms'] for row in found['layers']), rel=1e-2)
    assert found['error'] == {key: document()['left_out'][key] for key in ('n', 'median_percent', 'worst_percent')}
    slower = json.loads(call(SHIPPED_BUNDLE, '--target', 'jetson-nano', '--json', '--precision', 'fp32').output)
    assert slower['latency_ms']['predicted'] > found['latency_ms']['predicted']
    assert slower['memory']['weights_bytes'] == 2 * found['memory']['weights_bytes']


def test_a_file(path):
    result = call(path, '--target', 'jetson-nano', '--frame', '640x480', '--layers')
    assert result.exit_code == 0 and 'frame 640x480' in result.output and 'the_conv' in result.output


def test_violations_exit_with_one(tmp_path):
    path = tmp_path / 'broken.onnx'
    path.write_bytes(models.build([models.node('Mod', ['x', 'x'], ['y'], fmod=1)]))
    result = call(path, '--target', 'jetson-nano')
    assert result.exit_code == 1 and result.output.startswith('Does not fit') and 'predicted' in result.output


@pytest.mark.parametrize(('arguments', 'code'), [
    (('--target', 'jetson-nanno'), 'target-unknown'),
    (('--target', 'jetson-nano', '--frame', '1x1'), 'frame-unknown')])
def test_what_is_not_there(path, arguments, code):
    result = call(path, *arguments)
    assert isinstance(result.exception, InputError) and result.exception.code == code


def test_damaged_and_absent_files(path, tmp_path):
    path.write_bytes(path.read_bytes()[:20])
    assert call(path, '--target', 'jetson-nano').exception.code == 'onnx-unreadable'
    assert call(tmp_path / 'none.onnx', '--target', 'jetson-nano').exception.code == 'file-unreadable'
    assert isinstance(call(tmp_path, '--target', 'jetson-nano').exception, BundleError)
