"""Recipe files: found by name, changed on the command line, written as they were run."""
import hashlib
import json
import sys
from pathlib import Path

from service.messages import InputError

from .recipe import SECTIONS
from .recipe_checks import make_recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / 'recipes'


def list_recipes():
    """Committed recipes: dict name -> one sentence, by name."""
    return {path.stem: load_recipe(path).summary for path in sorted(FOLDER.glob('*.toml'))}


def load_recipe(name_or_path, changes=()):
    """Read a recipe.

    Args:
        name_or_path (str or Path): a TOML file, or the name of one in `models/recipes`.
        changes (sequence of str): ``'section.key=value'``, the value as in TOML; a text needs no quotes.

    Returns:
        models.recipe.Recipe: checked.

    Raises:
        InputError: ``recipe-missing``, ``recipe-unreadable``, ``recipe-key`` or ``recipe-value``.
    """
    path = Path(name_or_path)
    if path.suffix != '.toml':
        path = FOLDER / ('%s.toml' % name_or_path)
    try:
        text = path.read_text(encoding='utf-8')
    except FileNotFoundError:
        raise InputError('recipe-missing', 'There is no recipe %s; name a TOML file or one of %s.' % (
            name_or_path, ', '.join(sorted(found.stem for found in FOLDER.glob('*.toml')))))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error)
    return parse_recipe(text, str(path), path.stem, changes)


def parse_recipe(text, path, name='', changes=()):
    """A recipe of TOML text.

    Args:
        text (str): the file.
        path (str): how messages call it.
        name (str): of the recipe, where the text has none.
        changes (sequence of str): as for `load_recipe`.

    Raises:
        InputError: as `load_recipe`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, error)
    for change in changes:
        _change(values, change)
    return make_recipe(values.pop('name', name), values, path)


def _unreadable(path, error):
    return InputError('recipe-unreadable', '%s is no recipe: %s. Correct the file or name another one.'
                      % (path, error))


def recipe_text(recipe):
    """A recipe as TOML, every key of it, so that it does not depend on later defaults."""
    lines, sections = ['name = %s' % _toml(recipe.name)], []
    for key, value in vars(recipe).items():
        if key in SECTIONS:
            sections += ['', '[%s]' % key] + ['%s = %s' % item for item in _items(vars(value))]
        elif key != 'name':
            lines.append('%s = %s' % (key, _toml(value)))
    return '\n'.join(lines + sections) + '\n'


def recipe_hash(recipe):
    """SHA-256 of `recipe_text`, hexadecimal."""
    return hashlib.sha256(recipe_text(recipe).encode('utf-8')).hexdigest()


def _items(values):
    return [(key, _toml(value)) for key, value in values.items()]


def _toml(value):
    if isinstance(value, dict):
        return '{ %s }' % ', '.join('%s = %s' % item for item in _items(value)) if value else '{}'
    if isinstance(value, (list, tuple)):
        return '[%s]' % ', '.join(_toml(item) for item in value)
    # A JSON text, number or boolean is a TOML one.
    return json.dumps(value, ensure_ascii=False)


def _change(values, change):
    """Apply ``'section.key=value'`` to a parsed document."""
    key, equals, text = change.partition('=')
    steps = key.strip().split('.')
    if not equals or not all(steps):
        raise InputError('recipe-key', '--set %s changes nothing; write it as section.key=value, such as '
                         'training.batch=8.' % change)
    try:
        value = tomllib.loads('value = %s' % text)['value']
    except tomllib.TOMLDecodeError:
        value = text.strip()
    place = values
    for step in steps[:-1]:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise InputError('recipe-key', '--set %s: %s is no section.' % (change, step))
    place[steps[-1]] = value
