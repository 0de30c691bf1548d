"""The table: what each network loses in each precision, and whether a board can run it."""
import dataclasses
import shutil

import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from calibration import Parity  # noqa: E402
from export.check import VIOLATION, Violation  # noqa: E402
from models.architectures import ARCHITECTURES  # noqa: E402
from models.exporting.table import Conditions, Exported, Row, main, make_row, markdown, networks  # noqa: E402


def parity(agreement, change=None, logits=None):
    return Parity(2, 0.001, agreement, None, None, change, None, 0, logits_error=logits)


def row(name='net', **changes):
    none = {'fp32': [], 'fp16': [], 'int8': []}
    return Row(name, 'trained: run', '64x48x1', {'fp32': 8e6, 'fp16': 4e6, 'int8': 8.1e6}, parity(1, logits=1e-5),
               parity(0.9999, -0.0001), parity(0.98, -0.004), '', none, True)._replace(**changes)


def test_a_row_shows_every_figure():
    line = markdown([row()], 'jetson-nano', 'Note.').splitlines()[2]
    for words in ('net', 'trained: run', '64x48x1', 'logits 1.0e-05, confidence 1.0e-03', '99.99 %', '98.00 %',
                  '-0.0001, -0.0040', '8.0, 4.0, 8.1', 'FP32, FP16, INT8 fit'):
        assert words in line


def test_a_violation_is_listed_once_with_the_networks_that_have_it():
    found = Violation('int8', VIOLATION, 'Quantize_1', 'QuantizeLinear', 'No INT8 there.', 'Use FP16.')
    checks = {'fp32': [], 'fp16': [], 'int8': [found, found]}
    text = markdown([row('a', checks=checks), row('b', checks=checks), row('c')], 'jetson-nano', 'Note.')
    assert text.count('No INT8 there.') == 1 and 'INT8 (a; b): No INT8' in text
    assert '| FP32, FP16 fit |' in text and text.endswith('Note.')


def test_labels_of_an_untrained_network_are_not_judged():
    assert 'not trained' in markdown([row(trained=False)], 'jetson-nano', '')


def test_an_overflow_is_a_row_and_does_not_end_the_table(spoilt_run):
    exported, = (found for found in networks(spoilt_run.parent, ['half_unet']) if 'shipped' not in found.name)
    made = make_row(exported, Conditions(1, None, 'minmax', 1), 'jetson-nano')
    assert made.fp16 is None and made.overflow.startswith('Conv_')
    assert made.torch.logits_error is not None and made.bytes['fp16'] < made.bytes['fp32']
    text = markdown([made], 'jetson-nano', '')
    assert 'overflows' in text and made.overflow in text


def test_every_network_is_in_it_with_its_run_where_there_is_one(spoilt_run, monkeypatch):
    monkeypatch.setattr('models.exporting.table._fresh',
                        lambda entry: Exported(entry.name, 'fresh', {}, None, b'', False))
    found = {exported.name: exported for exported in networks(spoilt_run.parent)}
    assert set(found) == {name for name, entry in ARCHITECTURES.items() if entry.kind == 'network'} | {
        'half_unet, shipped'}
    assert found['half_unet'].weights.startswith('trained: ') and found['half_unet'].weights.endswith('/half_unet')
    assert found['half_unet, shipped'].network is None, 'there is no run of it here'
    assert found['resnet18'].weights == 'fresh'


def test_a_run_may_be_the_first_fold_of_a_comparison(run, tmp_path):
    shutil.copytree(str(run), str(tmp_path / 'half_unet' / 'fold-0'))
    found = {exported.name: exported for exported in networks(tmp_path, ['half_unet'])}
    assert found['half_unet'].weights == 'trained: half_unet/fold-0'


def test_a_fresh_network_takes_its_statistics_from_phantoms(monkeypatch):
    small = dataclasses.replace(ARCHITECTURES['unet_lite'], height=48, width=64)
    monkeypatch.setitem(ARCHITECTURES, 'unet_lite', small)
    exported, = networks(None, ['unet_lite'])
    norm = next(module for module in exported.network.modules() if hasattr(module, 'running_var'))
    assert not exported.trained and not exported.network.training
    assert float((norm.running_var - 1).abs().max()) > 0.01
    assert exported.preprocess['constants']['height'] == 48


def test_the_command_writes_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr('models.exporting.table.networks', lambda runs, only: [row()])
    monkeypatch.setattr('models.exporting.table.make_row', lambda exported, conditions, target: row(target))
    result = CliRunner().invoke(main, ['--out', str(tmp_path / 'out'), '--only', 'resnet18', '--data', 'x/dmr'])
    assert result.exit_code == 0, result.output
    text = (tmp_path / 'out' / 'table.md').read_text()
    assert '| jetson-nano |' in text and '4 phantoms and at most as many frames of dmr' in text
