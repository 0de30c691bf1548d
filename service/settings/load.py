"""Reading the settings file."""
import re
from dataclasses import fields

from ..messages import SettingsError
from .keys import Settings

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

#: A settings file is a page of text.
_MAX_BYTES = 256 * 1024


def load_settings(path=None, **overrides):
    """The settings of a file, with what the command line says on top.

    Args:
        path (str): a TOML file; None for the defaults.
        **overrides: settings by name; None means not given.
    Returns:
        Settings: checked.
    Raises:
        SettingsError: with file, line and remedy.
    """
    values, text = {}, ''
    if path is not None:
        text = _read(path)
        values = _flatten(_parse(text, path), text, path)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**dict(values, **given))
    except SettingsError as error:
        if path is None or error.key in given:
            raise
        raise SettingsError(error.code, '%s, line %d: %s' % (path, _line(text, error.key),
                                                             error.message.text)) from None


def _read(path):
    try:
        with open(path, 'rb') as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise SettingsError('settings-unreadable', '%s is too large to be a settings file.' % path)
        return data.decode('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError('settings-unreadable', '%s cannot be read as a settings file; check its path and rights.'
                            % path, detail=str(error))


def _parse(text, path):
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError('settings-syntax', '%s is not valid TOML: %s.' % (path, str(error).rstrip('.')))


def _flatten(document, text, path):
    """Key to value, sections checked; unknown names are refused rather than ignored."""
    sections = {}
    for entry in fields(Settings):
        sections.setdefault(entry.metadata['section'], []).append(entry.name)
    values = {}
    for section, body in document.items():
        if section not in sections or not isinstance(body, dict):
            raise SettingsError('setting-unknown', '%s, line %d: there is no section [%s]; there are %s.'
                                % (path, _line(text, section), section, ', '.join(sorted(sections))))
        for name, value in body.items():
            if name not in sections[section]:
                raise SettingsError('setting-unknown', '%s, line %d: [%s] has no setting %s; it has %s.'
                                    % (path, _line(text, name), section, name, ', '.join(sections[section])))
            values[name] = value
    return values


def _line(text, name):
    """Line number of the first mention of a section or key, 1-based; TOML parsers keep none."""
    pattern = re.compile(r'^\s*\[?\s*"?%s"?\s*[\]=.]' % re.escape(name))
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return number
    return 1
