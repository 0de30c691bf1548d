"""From a parsed recipe file to a `Recipe`, or to one line that says what is wrong with it."""
import dataclasses

from service.messages import InputError

from .recipe import SECTIONS, Recipe


def make_recipe(name, values, path):
    """A recipe of a parsed TOML document.

    Args:
        name (str): of the recipe.
        values (dict): section name to keys, and the keys outside of sections.
        path (str): how messages call the file.

    Raises:
        InputError: ``recipe-key`` or ``recipe-value``, naming file, key and remedy.
    """
    values = dict(values)
    for section, kind in SECTIONS.items():
        if section in values or any(_required(field) for field in dataclasses.fields(kind)):
            keys = values.get(section, {})
            if not isinstance(keys, dict):
                raise InputError('recipe-value', '%s: %s is a section; write [%s].' % (path, section, section))
            values[section] = _section(kind, keys, path, '%s.' % section)
    recipe = _section(Recipe, values, path, '', name=name)
    _check_whole(recipe, path)
    return recipe


def _section(kind, values, path, prefix, **given):
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in given}
    for key in values:
        if key not in fields:
            raise InputError('recipe-key', '%s: there is no key %s%s; remove it or write one of %s.'
                             % (path, prefix, key, ', '.join(sorted(fields))))
    for key, field in fields.items():
        if key not in values and _required(field):
            raise InputError('recipe-key', '%s: %s%s is missing; add it.' % (path, prefix, key))
    return kind(**given, **{key: _checked(fields[key], value, path, prefix + key) for key, value in values.items()})


def _required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(field, value, path, key):
    if dataclasses.is_dataclass(field.type):
        return value
    if field.type is float and type(value) is int:
        value = float(value)
    if type(value) is not field.type:
        raise InputError('recipe-value', '%s: %s is %r; it must be %s.' % (path, key, value, _WORDS[field.type]))
    choices, low, high = (field.metadata.get(limit) for limit in ('choices', 'low', 'high'))
    if choices and value not in choices:
        raise InputError('recipe-value', '%s: %s is %r; write one of %s.' % (path, key, value, ', '.join(choices)))
    if low is not None and value < low or high is not None and value > high:
        raise InputError('recipe-value', '%s: %s is %r; it must be %s.' % (
            path, key, value, 'at least %s' % low if high is None else 'between %s and %s' % (low, high)))
    return value


_WORDS = {int: 'a whole number', float: 'a number', str: 'a text in quotes', bool: 'true or false', list: 'a list',
          dict: 'a table'}


def _check_whole(recipe, path):
    """Refuse settings that contradict each other."""
    if bool(recipe.training.samples) == bool(recipe.training.epochs):
        raise InputError('recipe-value', '%s: training.samples and training.epochs say the same; set exactly one '
                         'of them above 0.' % path)
    if recipe.data.source == 'phantoms' and not recipe.phantoms.train:
        raise InputError('recipe-value', '%s: data.source is phantoms and phantoms.train is 0; say how many.' % path)
    if recipe.training.patience and recipe.data.source == 'collection' and not recipe.data.val_share:
        raise InputError('recipe-value', '%s: training.patience needs validation patients; set data.val_share '
                         'above 0.' % path)
    if recipe.augment.mixup and recipe.task == 'latents':
        raise InputError('recipe-value', '%s: augment.mixup blends answers, and task latents has none; remove it.'
                         % path)
