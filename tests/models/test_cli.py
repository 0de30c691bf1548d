"""``thermoscreen train`` says how far it is, also below a program that shows warnings only."""
import logging

import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.cli import train_command  # noqa: E402
from models.training import run as module  # noqa: E402
from service.errors import InputError  # noqa: E402


class Delivered:
    folder = 'bundle'


@pytest.fixture(autouse=True)
def quiet_afterwards():
    yield
    logging.getLogger('models').setLevel(logging.NOTSET)


def test_progress_is_shown(tmp_path, monkeypatch, caplog):
    def train(*args, **kwargs):
        logging.getLogger('models.training.callbacks').info('step 1/2')
        return {'bundle': Delivered()}

    monkeypatch.setattr(module, 'train', train)
    logging.getLogger().setLevel(logging.WARNING)
    result = CliRunner().invoke(train_command, ['phantom-unet', '--out', str(tmp_path)])
    assert result.exit_code == 0 and 'bundle: bundle' in result.output
    assert 'step 1/2' in caplog.text


def test_a_recipe_that_is_not_there_is_named(tmp_path):
    result = CliRunner().invoke(train_command, ['nonesuch', '--out', str(tmp_path)])
    assert isinstance(result.exception, InputError) and 'nonesuch' in result.exception.message


def test_the_recipes_are_listed():
    result = CliRunner().invoke(train_command, ['--list'])
    assert result.exit_code == 0 and 'phantom-unet' in result.output
