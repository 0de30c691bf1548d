"""``thermoscreen prune`` leaves a run folder like any other, says what it cost, and refuses in one line."""
import dataclasses
import json
import logging

import pytest
from click.testing import CliRunner

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('torch_pruning', reason='the training extra is not installed')

from models.exporting.checkpoint import open_checkpoint  # noqa: E402
from models.pruning.__main__ import main as table_command  # noqa: E402
from models.pruning.cli import prune_command  # noqa: E402
from models.pruning.run import Request, prune  # noqa: E402
from models.training import CollectionSource  # noqa: E402
from models.training.run import RECIPE, fresh_network  # noqa: E402
from models.training.weights import load_network  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.pipeline import Pipeline  # noqa: E402
from tests.models.exporting.small import write_run  # noqa: E402
from tests.models.training.small import SMALL, small_collection, small_recipe  # noqa: E402

OPTIONS = 'network.options={stem=8, channels=[8, 16], layers=[1, 1], decoder=[8, 8, 8]}'
CHANGES = SMALL + (OPTIONS, 'data.val_share=0.3', 'training.epochs=0', 'training.samples=2')


@pytest.fixture(autouse=True)
def log_as_it_was():
    log = logging.getLogger('models')
    before = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.propagate = before[0], before[2]
    log.setLevel(before[1])


def _prune(run, out, **more):
    recipe = small_recipe(*CHANGES)
    request = Request(run, out, 0.5, samples=2, multiple=1, threads=1, workers=0, **more)
    return recipe, prune(request, recipe, CollectionSource(recipe, small_collection(8)))


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('runs') / 'half', *CHANGES)


@pytest.fixture(scope='module')
def done(run, tmp_path_factory):
    return _prune(run, tmp_path_factory.mktemp('pruned') / 'half-tuned', fine_tune=True)


def test_the_figures_say_what_it_brought_and_cost(done):
    record = done[1].metrics['pruning']
    assert 0.4 < record['after']['gmac'] / record['before']['gmac'] <= 0.5
    assert 0 < record['after']['nano_ms'] <= record['before']['nano_ms']
    assert record['after']['parameters'] < record['before']['parameters']
    assert record['channels'][1] < record['channels'][0]
    assert record['fine_tuned']['samples'] == 2
    for part in ('before', 'after', 'fine_tuned'):
        assert 0 <= record[part]['miou'] <= 1
    assert json.loads((done[1].folder / 'metrics.json').read_text())['pruning'] == record


def test_the_folder_is_a_run_that_can_be_used_exported_and_trained_on(done):
    recipe, finished = done
    gmac = finished.metrics['pruning']['after']['gmac']
    with Pipeline.from_folder(str(finished.folder / 'bundle')) as pipeline:
        stated = pipeline.bundle.manifest
        assert stated['model']['gmac'] == pytest.approx(gmac, abs=1e-4)
        assert 'pruned to' in stated['training_data'] and 'trained on' in stated['training_data']
        pipeline.analyse(small_collection(1)[0].thermogram())
    assert open_checkpoint(finished.folder).document['model']['gmac'] == stated['model']['gmac']
    start = dataclasses.replace(recipe.network, init=str(finished.folder))
    again = fresh_network(dataclasses.replace(recipe, network=start))
    assert all(map(torch.equal, again.state_dict().values(), load_network(finished.folder).state_dict().values()))


def test_a_finished_run_is_not_overwritten(run, done):
    before = (done[1].folder / 'weights.pt').read_bytes()
    with pytest.raises(InputError, match='holds a finished run'):
        _prune(run, done[1].folder)
    assert (done[1].folder / 'weights.pt').read_bytes() == before


def test_a_table_of_several(done, tmp_path):
    result = CliRunner().invoke(table_command, [str(done[1].folder)])
    assert result.exit_code == 0, result.output
    heads, _, row = result.output.strip().splitlines()
    assert heads.count('|') == row.count('|') and 'half-tuned' in row and '(2 samples)' in row
    missing = CliRunner().invoke(table_command, [str(tmp_path)]).exception
    assert isinstance(missing, InputError) and 'holds no pruned network' in missing.message.text


# -- the verb


def _call(*arguments):
    return CliRunner().invoke(prune_command, [str(argument) for argument in arguments])


def test_help_says_what_fine_tuning_is_slower_with():
    assert 'computed without oneDNN' in ' '.join(_call('--help').output.split())


def test_json_has_the_figures(run, done, monkeypatch, tmp_path):
    from models.pruning import run as module

    monkeypatch.setattr(module, 'prune', lambda request, recipe, source: (
        asked.append((request, recipe, source)), done[1])[1])
    asked = []
    result = _call(run, '--flops', '0.5', '--out', tmp_path / 'out', '--data', 'phantoms:0:8', '--fine-tune', '300',
                   '--set', 'optimizer.learning_rate=0.25', '--json')
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)['after'] == done[1].metrics['pruning']['after']
    request, recipe, source = asked[0]
    assert (request.flops, request.fine_tune) == (0.5, True)
    assert (recipe.training.samples, recipe.training.epochs, recipe.optimizer.learning_rate) == (300, 0, 0.25)
    assert len(source.held) and not (tmp_path / 'out' / RECIPE).exists()


def test_what_is_wrong_is_said_in_one_line(run, tmp_path):
    broken = tmp_path / 'broken'
    broken.mkdir()
    (broken / 'weights.pt').write_bytes(b'PK\x03\x04 not weights')
    finding = write_run(tmp_path / 'finding', *CHANGES, 'task=finding')
    for arguments, said in (
            ((tmp_path / 'gone', '--data', 'phantoms:0:8'), 'does not exist'),
            ((broken, '--data', 'phantoms:0:8'), 'contains no weights of a training'),
            ((finding, '--data', 'phantoms:0:8'), 'is no segmenter'),
            ((run,), 'Name their folder with --data'),
            ((run, '--data', 'phantoms:0:8', '--set', 'training.bath=3'), 'no key training.bath')):
        error = _call(*arguments, '--flops', '0.5', '--out', tmp_path / 'out').exception
        assert isinstance(error, InputError) and said in error.message.text and '\n' not in error.message.text
    error = _call(run, '--data', 'phantoms:0:8', '--flops', '0.5', '--out', run).exception
    assert isinstance(error, InputError) and error.message.code == 'prune-same-folder'
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('share', ['0', '1', '1.5', '-0.5', 'nan', 'half'])
def test_a_share_that_is_none_is_refused(run, tmp_path, share):
    result = _call(run, '--flops', share, '--out', tmp_path / 'out', '--data', 'phantoms:0:8')
    assert result.exit_code == 2 and "'--flops'" in result.output
    assert not (tmp_path / 'out').exists()
