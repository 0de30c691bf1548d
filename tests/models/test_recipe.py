"""Recipes are complete, or refused with file, key and remedy; what is written down can be read again."""
import pytest

from models.recipe_files import list_recipes, load_recipe, recipe_hash, recipe_text
from service.messages import InputError

TEXT = recipe_text(load_recipe('phantom-unet', ['training.batch=16', 'training.samples=20000', 'phantoms.train=6000',
                                                'finding.specificity=0.9']))


@pytest.mark.parametrize('name', sorted(list_recipes()))
def test_every_recipe_loads_and_says_what_it_is_for(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.summary.endswith('.') and len(recipe.summary) <= 110
    assert recipe.training.steps(100) > 0


@pytest.mark.parametrize('old, new, said', [
    ('batch = 16', 'bunch = 16', 'no key training.bunch. Remove it or write one of .*batch'),
    ('batch = 16', '', 'training.batch is missing. Add it'),
    ('batch = 16', "batch = '16'", "training.batch is '16'; it must be a whole number"),
    ('batch = 16', 'batch = 0', 'training.batch is 0; it must be at least 1'),
    ('name = "adamw"', "name = 'lion'", 'optimizer.name is .lion.. Write one of adamw'),
    ('chain = "plateau-1"', "chain = 'plateau-9'", 'input.chain is .plateau-9.. Write one of classic-1'),
    ('epochs = 0', 'epochs = 3', 'Set exactly one'),
    ('train = 6000', '', 'Say how many'),
    ('[finding]\nspecificity = 0.9\nsteps = 0\npatterns = 1500', '', None),
    ('kinds]', 'kinds]\nsideways = 1', "no kind 'sideways'"),
    ('kinds]', 'kinds]\nflat = "all"', 'phantoms.kinds'),

    ('seed = 2021', '[finding]\n[finding]', 'Cannot declare'),
    ('weights = ""\ninit = ""', 'weights = "imagenet"\ninit = "there"', 'both say what the network starts from'),
])
def test_a_wrong_file_is_refused_in_words(tmp_path, old, new, said):
    assert old in TEXT
    path = tmp_path / 'odd.toml'
    path.write_text(TEXT.replace(old, new, 1))
    if said is None:  # a section of defaults may be left out
        assert load_recipe(path).finding.specificity == 0.9
        return
    with pytest.raises(InputError, match=said) as caught:
        load_recipe(path)
    assert 'odd.toml' in caught.value.message.text


def test_a_finding_that_is_trained_alone_needs_phantoms():
    with pytest.raises(InputError, match='plants patterns into phantoms'):
        load_recipe('few-shot', ['finding.steps=5'])


def test_a_recipe_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(InputError, match='no recipe nonesuch.*phantom-unet'):
        load_recipe('nonesuch')


def test_changes_are_typed_and_checked():
    recipe = load_recipe('phantom-unet', ['training.batch=8', 'optimizer.name=sgd', 'optimizer.learning_rate=1',
                                          'network.options.stem=8', 'network.freeze=["halve"]'])
    assert recipe.training.batch == 8 and recipe.optimizer.name == 'sgd'
    assert recipe.optimizer.learning_rate == 1.0 and type(recipe.optimizer.learning_rate) is float
    assert recipe.network.options == {'stem': 8} and recipe.network.freeze == ['halve']


@pytest.mark.parametrize('change, said', [
    ('training.batch', 'section.key=value'),
    ('=3', 'section.key=value'),
    ('training.batch=eight', 'must be a whole number'),
    ('training.bath=8', 'no key training.bath'),
    ('seed.x=8', 'seed is not a section'),
])
def test_changes_that_change_nothing_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        load_recipe('phantom-unet', [change])


@pytest.mark.parametrize('name', sorted(list_recipes()))
def test_a_recipe_as_run_reads_back_the_same(tmp_path, name):
    recipe = load_recipe(name, ['training.batch=3', 'summary=He said "no" \\ and left'])
    path = tmp_path / 'recipe.toml'
    path.write_text(recipe_text(recipe), encoding='utf-8')
    assert load_recipe(path) == recipe
    assert recipe_hash(load_recipe(path)) == recipe_hash(recipe) != recipe_hash(load_recipe(name))
