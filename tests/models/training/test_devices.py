"""Two processes on the processor train one network together and leave what one would."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.data import phantom_collection  # noqa: E402
from models.recipe_files import load_recipe  # noqa: E402
from models.training import fit, fresh_network  # noqa: E402
from models.training.fit import LAST  # noqa: E402
from service.messages import InputError  # noqa: E402

CHANGES = ('training.samples=8', 'training.batch=4', 'training.checkpoint_s=0', 'input.height=48')


def _recipe(*changes):
    return load_recipe('federated-small', CHANGES + changes)


@pytest.mark.slow
def test_two_processes_train_what_one_process_waits_for(tmp_path):
    recipe = _recipe()
    network = fresh_network(recipe)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(network, recipe, phantom_collection(0, 4, 48, 80), out=tmp_path, workers=0, devices=2)
    after = network.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert len(changed) > len(before) / 2 and all(torch.isfinite(value.float()).all() for value in after.values())
    checkpoint = torch.load(tmp_path / 'checkpoints' / LAST, weights_only=True)
    assert checkpoint['global_step'] == 2


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    recipe = _recipe('training.batch=3')
    with pytest.raises(InputError, match='devices-batch.*training.batch=4|training.batch=4.*devices-batch'):
        fit(fresh_network(recipe), recipe, phantom_collection(0, 2, 48, 80), devices=2)
