"""Recipes are complete or refused."""
import pytest

from models.recipe import FOLDER, load_recipe


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.toml')), ids=lambda path: path.stem)
def test_every_recipe_loads(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.steps > 0


def test_a_missing_key_is_named(tmp_path):
    text = (FOLDER / 'first.toml').read_text().replace('batch = ', 'bunch = ')
    (tmp_path / 'odd.toml').write_text(text)
    with pytest.raises(ValueError, match="missing .'batch'., unknown .'bunch'."):
        load_recipe(tmp_path / 'odd.toml')
