"""``thermoscreen export`` says what it measured, and one line where nothing is written."""
import json

import click
import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.exporting.cli import export_command  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from service.cli import main as program  # noqa: E402
from service.cli import verbs  # noqa: E402
from service.plugins import metadata  # noqa: E402


def call(*arguments):
    return CliRunner().invoke(export_command, [str(argument) for argument in arguments] + ['--frames', '1'])


def test_a_run_is_exported_and_figures_are_shown(run, tmp_path):
    result = call(run, '--out', tmp_path / 'bundle', '--version', '2.0.1', '--leave-out', 'fp16-logits')
    assert result.exit_code == 0, result.output
    assert list(open_bundle(str(tmp_path / 'bundle')).variants) == ['fp32', 'fp16', 'fp32-logits']
    assert 'phantom-unet 2.0.1 -> %s' % (tmp_path / 'bundle') in result.stdout
    assert 'against PyTorch, 1 phantoms: 100.00 % of the labels agree' in result.stdout
    assert 'comparing on 1 phantoms' in result.stderr and 'comparing' not in result.stdout


def test_json_holds_the_figures_of_every_form_and_a_bundle_may_replace_itself(run, tmp_path):
    assert call(run, '--out', tmp_path / 'bundle', '--no-fp16', '--no-logits').exit_code == 0
    result = call(tmp_path / 'bundle', '--out', tmp_path / 'bundle', '--no-logits', '--json')
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found['variants']) == {'fp32', 'fp16'} and found['name'] == 'phantom-unet'
    assert found['variants']['fp16']['bytes'] == (tmp_path / 'bundle' / 'model.fp16.onnx').stat().st_size
    assert found['variants']['fp32']['parity']['reference'] == 'PyTorch', 'the earlier comparison is kept'
    assert found['variants']['fp16']['parity']['frames']['1 phantoms']['not_finite'] == 0


@pytest.mark.parametrize('version', ['1.0', '1.0.0.0', 'v1.0.0', '1.0.x'])
def test_a_version_has_three_numbers(run, tmp_path, version):
    result = call(run, '--out', tmp_path / 'bundle', '--version', version)
    assert result.exit_code == 2 and 'three numbers' in result.output


def failing(monkeypatch, capsys, *arguments):
    """Exit code and standard error of a whole program run."""
    monkeypatch.setattr('sys.argv', ['thermoscreen', 'export'] + [str(argument) for argument in arguments])
    monkeypatch.setattr(verbs, 'registered', lambda: {
        'export': metadata.EntryPoint('export', 'models.exporting.cli:export_command', verbs.GROUP)})
    with pytest.raises(SystemExit) as caught:
        program()
    return caught.value.code, [line for line in capsys.readouterr().err.splitlines() if not line.startswith('export: ')]


@pytest.mark.parametrize('name, code', [('nowhere', 'checkpoint-missing'), ('', 'weights-missing')])
def test_a_path_without_checkpoint_is_refused_in_a_line(tmp_path, monkeypatch, capsys, name, code):
    exit_code, lines = failing(monkeypatch, capsys, tmp_path / name, '--out', tmp_path / 'bundle')
    assert exit_code == 2 and len(lines) == 1 and lines[0].endswith('[%s]' % code)


def test_an_overflow_in_fp16_is_one_line_and_no_bundle(spoilt_run, tmp_path, monkeypatch, capsys):
    exit_code, lines = failing(monkeypatch, capsys, spoilt_run, '--out', tmp_path / 'bundle', '--frames', 1)
    assert exit_code == 3 and len(lines) == 1 and lines[0].endswith('[fp16-overflow]'), lines
    assert not list(tmp_path.iterdir())


def test_options_are_explained():
    assert isinstance(export_command, click.Command)
    assert all(option.help for option in export_command.params if isinstance(option, click.Option))
