"""Recipe files: found by name, changed on the command line, checked, and written as they were run."""
import dataclasses
import hashlib
import sys
from pathlib import Path
from typing import Any, Dict, Sequence, Union

import tomli_w

from service.messages import InputError
from service.simulator import choose_kind

from .recipe import SECTIONS, Recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / 'recipes'


def list_recipes() -> Dict[str, str]:
    """Summaries of the shipped recipes by name."""
    return {path.stem: load_recipe(path).summary for path in sorted(FOLDER.glob('*.toml'))}


def load_recipe(name_or_path: Union[str, Path], changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: a TOML file, or the name of one in ``models/recipes``.
        changes: ``'section.key=value'``, the value as in TOML; text needs no quotes.

    Raises:
        InputError: ``recipe-missing``, ``recipe-unreadable``, ``recipe-key`` or ``recipe-value``.
    """
    path = Path(name_or_path)
    if path.suffix != '.toml':
        path = FOLDER / ('%s.toml' % name_or_path)
    try:
        text = path.read_text(encoding='utf-8')
    except FileNotFoundError:
        raise InputError('recipe-missing', 'There is no recipe %s.' % name_or_path, 'Name a TOML file or one of %s.'
                         % ', '.join(sorted(recipe.stem for recipe in FOLDER.glob('*.toml'))))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error)
    return parse_recipe(text, str(path), path.stem, changes)


def parse_recipe(text: str, path: str, name: str = '', changes: Sequence[str] = ()) -> Recipe:
    """A recipe of TOML text.

    Args:
        text: the file.
        path: its name in messages.
        name: of the recipe, if the text has none.
        changes: as for `load_recipe`.

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
    return InputError('recipe-unreadable', '%s is not a recipe: %s.' % (path, error),
                      'Correct the file or name another one.')


def recipe_text(recipe: Recipe) -> str:
    """A recipe as TOML with every key, so that it does not depend on later defaults."""
    return tomli_w.dumps(dataclasses.asdict(recipe))


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 of `recipe_text`, hexadecimal."""
    return hashlib.sha256(recipe_text(recipe).encode('utf-8')).hexdigest()


def _change(values, change):
    """Apply ``'section.key=value'`` to a parsed document."""
    key, equals, text = change.partition('=')
    steps = key.strip().split('.')
    if not equals or not all(steps):
        raise InputError('recipe-key', '--set %s changes nothing.' % change,
                         'Write it as section.key=value, such as training.batch=8.')
    try:
        value = tomllib.loads('value = %s' % text)['value']
    except tomllib.TOMLDecodeError:
        value = text.strip()
    place = values
    for step in steps[:-1]:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise InputError('recipe-key', '--set %s: %s is not a section.' % (change, step))
    place[steps[-1]] = value


# -- checks


def make_recipe(name: str, values: Dict[str, Any], path: str) -> Recipe:
    """A recipe of a parsed TOML document.

    Args:
        name: of the recipe.
        values: keys by section, and the keys outside of sections.
        path: name of the file in messages.

    Raises:
        InputError: ``recipe-key`` or ``recipe-value``, naming file, key and remedy.
    """
    values = dict(values)
    for section, kind in SECTIONS.items():
        if section in values or any(_required(field) for field in dataclasses.fields(kind)):
            keys = values.get(section, {})
            if not isinstance(keys, dict):
                raise InputError('recipe-value', '%s: %s is a section.' % (path, section), 'Write [%s].' % section)
            values[section] = _section(kind, keys, path, '%s.' % section)
    recipe = _section(Recipe, values, path, '', name=name)
    _check_whole(recipe, path)
    return recipe


def _section(kind, values, path, prefix, **given):
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in given}
    for key in values:
        if key not in fields:
            raise InputError('recipe-key', '%s: there is no key %s%s.' % (path, prefix, key),
                             'Remove it or write one of %s.' % (', '.join(sorted(fields)),))
    for key, field in fields.items():
        if key not in values and _required(field):
            raise InputError('recipe-key', '%s: %s%s is missing.' % (path, prefix, key), 'Add it.')
    return kind(**given, **{key: _checked(fields[key], value, path, prefix + key) for key, value in values.items()})


def _required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(field, value, path, key):
    if dataclasses.is_dataclass(field.type):
        return value
    if field.type is float and type(value) is int:
        value = float(value)
    if type(value) is not field.type:
        raise InputError('recipe-value', '%s: %s is %r; it must be %s.' % (path, key, value, _TYPE_NAMES[field.type]))
    choices, low, high = (field.metadata.get(limit) for limit in ('choices', 'low', 'high'))
    if choices and value not in choices:
        raise InputError('recipe-value', '%s: %s is %r.' % (path, key, value),
                         'Write one of %s.' % (', '.join(choices),))
    if low is not None and value < low or high is not None and value > high:
        raise InputError('recipe-value', '%s: %s is %r; it must be %s.' % (
            path, key, value, 'at least %s' % low if high is None else 'between %s and %s' % (low, high)))
    return value


_TYPE_NAMES = {int: 'a whole number', float: 'a number', str: 'a text in quotes', bool: 'true or false', list: 'a list',
          dict: 'a table'}


def _check_whole(recipe, path):
    """Refuse settings that contradict each other."""
    if bool(recipe.training.samples) == bool(recipe.training.epochs):
        raise InputError('recipe-value', '%s: training.samples and training.epochs say the same.' % path,
                         'Set exactly one of them above 0.')
    if recipe.network.weights and recipe.network.init:
        raise InputError('recipe-value', '%s: network.weights and network.init both say what the network starts from.'
                         % path, 'Remove one of them.')
    if recipe.input.regions_only and (recipe.task != 'finding' or recipe.input.mask):
        raise InputError('recipe-value', '%s: input.regions_only is for a classifier without a mask.' % path,
                         'Remove it, or set task to finding and input.mask to false.')
    if recipe.data.source == 'phantoms' and not recipe.phantoms.train:
        raise InputError('recipe-value', '%s: data.source is phantoms and phantoms.train is 0.' % path, 'Say how many.')
    if recipe.finding.steps and (recipe.data.source != 'phantoms' or 'finding' not in recipe.task):
        raise InputError('recipe-value', '%s: finding.steps plants patterns into phantoms, for a task with a finding.'
                         % path, 'Set finding.steps to 0.')
    if recipe.phantoms.kinds:
        try:
            choose_kind(0, recipe.phantoms.kinds)
        except (TypeError, ValueError) as error:
            raise InputError('recipe-value', '%s: phantoms.kinds: %s.' % (path, error), 'Correct the shares.')
    if recipe.training.patience and recipe.data.source == 'collection' and not recipe.data.val_share:
        raise InputError('recipe-value', '%s: training.patience needs validation patients.' % path,
                         'Set data.val_share above 0.')
    if recipe.augment.mixup and recipe.task == 'latents':
        raise InputError('recipe-value', '%s: augment.mixup blends answers, and task latents has none.' % path,
                         'Remove it.')
