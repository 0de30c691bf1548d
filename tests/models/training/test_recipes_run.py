"""Every committed recipe builds its network and takes two steps."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.recipe_files import list_recipes, load_recipe  # noqa: E402
from models.training import fit, fresh_network  # noqa: E402
from models.training.weights import save_weights  # noqa: E402
from service.messages import InputError  # noqa: E402

from .small import HEIGHT, SMALL, WIDTH, small_collection, small_recipe, three_classes  # noqa: E402

TWO_STEPS = SMALL + ('training.samples=4', 'training.epochs=0', 'training.patience=0')


@pytest.fixture(scope='module')
def encoder(tmp_path_factory):
    """Run folders of the two encoders, untrained."""
    folders = {}
    for letter in 'gh':
        recipe = small_recipe(name='latents-encoder-%s' % letter)
        folders[letter] = tmp_path_factory.mktemp(letter)
        save_weights(fresh_network(recipe), recipe, folders[letter] / 'weights.pt')
    return folders


def _recipe(name, encoder):
    changes = list(TWO_STEPS)
    plain = load_recipe(name)
    if 'height' in plain.network.options:
        changes += ['network.options.height=%d' % HEIGHT, 'network.options.width=%d' % WIDTH]
    if plain.network.init_part:
        changes.append('network.init=%s' % encoder[plain.network.options['encoder'].lower()])
    return load_recipe(name, changes)


@pytest.mark.parametrize('name', sorted(list_recipes()))
def test_it_learns(name, encoder):
    recipe = _recipe(name, encoder)
    samples = three_classes(4) if name.startswith('busi') else small_collection(4)
    network = fresh_network(recipe, len(samples.regions))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    trained = fit(network, recipe, samples, workers=0)
    assert not trained.training
    after = trained.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed and all(torch.isfinite(after[key].float()).all() for key in after)
    frozen = {key for key in before for part in recipe.network.freeze if key.startswith(part + '.')}
    assert not changed & frozen
    assert len(frozen) == 0 or recipe.network.init_part == 'encoder'


def test_a_part_of_another_run_has_to_be_named():
    with pytest.raises(InputError, match='latents-segment-hh starts from the encoder of another run.*--init'):
        fresh_network(load_recipe('latents-segment-hh'))


def test_an_encoder_for_other_pictures_is_refused(encoder):
    recipe = load_recipe('latents-segment-hh', ['network.init=%s' % encoder['g']])
    with pytest.raises(InputError, match='encoder=G.*encoder=H.*use the same options'):
        fresh_network(recipe)


def test_a_checkpoint_of_another_architecture_is_refused(encoder):
    recipe = load_recipe('few-shot', ['network.init=%s' % encoder['g']])
    with pytest.raises(InputError, match='was trained as latents and this recipe builds quarter_fpn') as caught:
        fresh_network(recipe)
    assert '\n' not in caught.value.message.text


def test_weights_of_the_backbone_are_looked_for(tmp_path):
    with pytest.raises(InputError) as caught:
        fresh_network(load_recipe('segformer-b0', ['network.weights=%s' % (tmp_path / 'gone.safetensors')]))
    assert caught.value.code == 'weights-missing' and 'gone.safetensors' in caught.value.message.sentence


@pytest.mark.parametrize('content', [b'', b'PK', b'\x80\x02}q\x00.'])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / 'weights.pt').write_bytes(content)
    with pytest.raises(InputError, match='contains no weights of a training'):
        fresh_network(load_recipe('few-shot', ['network.init=%s' % tmp_path]))
    with pytest.raises(InputError, match='does not exist'):
        fresh_network(load_recipe('few-shot', ['network.init=%s' % (tmp_path / 'gone')]))
