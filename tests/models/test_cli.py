"""``thermoscreen train`` says how far it is, how good the network is, and what is wrong, one line each."""
import logging

import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.cli import train_command  # noqa: E402
from models.training import Done, run  # noqa: E402
from service.messages import InputError  # noqa: E402


@pytest.fixture(autouse=True)
def as_it_was():
    log = logging.getLogger('models')
    before = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.propagate = before[0], before[2]
    log.setLevel(before[1])


@pytest.fixture
def calls(monkeypatch, tmp_path):
    calls = []

    def train(recipe, source, out, *args, **options):
        logging.getLogger('models.training.fit').info('step 1/2')
        calls.append((recipe, source, args, options))
        return Done(out, {'set': '8 thermograms of 8 patients of clinic, held out from training',
                          'miou': {'value': 0.7, 'n': 8, 'ci95': [0.6, 0.8]}, 'iou': {'neck': 0.7}}, None, 'A reason.')

    monkeypatch.setattr(run, 'train', train)
    return calls


def _call(*arguments):
    return CliRunner().invoke(train_command, arguments)


def test_progress_and_figures_are_shown(tmp_path, calls):
    logging.getLogger().setLevel(logging.WARNING)
    result = _call('phantom-unet', '--out', str(tmp_path), '--set', 'training.batch=3')
    assert result.exit_code == 0, result.output
    assert 'step 1/2' in result.stderr
    for words in ('phantom-unet is trained', 'mean IoU 0.700 (95 % interval 0.60 to 0.80, n 8)',
                  'No bundle: A reason.'):
        assert words in result.stdout
    assert calls[0][0].training.batch == 3


def test_data_fold_and_start_are_handed_on(tmp_path, calls):
    result = _call('few-shot', '--data', 'phantoms:0:10', '--fold', '2', '--init', 'there', '--out', str(tmp_path))
    assert result.exit_code == 0, result.output
    recipe, source = calls[0][:2]
    assert recipe.network.init == 'there'
    assert source.split['fold'] == 2 and len(source.held) == 2


@pytest.mark.parametrize('arguments, said', [
    (('nonesuch',), 'There is no recipe nonesuch'),
    (('unet-lite',), 'Name their folder with --data'),
    (('phantom-unet', '--data', 'phantoms:0:10'), 'Leave --data out'),
    (('unet-lite', '--data', 'gone', '--fold', '1'), 'gone does not exist'),
    (('unet-lite', '--data', 'phantoms:0:10'), 'Say with --fold'),
    (('phantom-unet', '--set', 'training.bath=3'), 'no key training.bath'),
])
def test_what_is_wrong_is_said_before_anything_is_written(tmp_path, arguments, said):
    result = _call(*arguments, '--out', str(tmp_path / 'run'))
    assert isinstance(result.exception, InputError) and said in result.exception.message.text
    assert not (tmp_path / 'run').exists()


def test_the_recipes_are_listed():
    result = _call('--list')
    assert result.exit_code == 0 and 'phantom-unet' in result.output and 'latents-segment-gh' in result.output
