"""What supervisors change at the station: one file beside the exams, checked as the settings file is.

It holds from the next start on, as the settings file does, so that no exam changes its rules on the way.
"""
import contextlib
import hashlib
import json
import os
import threading
from dataclasses import replace
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from .durable import atomic_write
from .languages import N_
from .messages import InputError, StorageError
from .settings import (
    FIXED,
    SECTIONS,
    Settings,
    changes_path,
    checked,
    parse_source,
    read_sources,
    settings_of,
)

#: Where the value of a setting comes from.
DEFAULT, FILE, STATION, COMMAND_LINE = (N_('the default'), N_('the settings file'), N_('a change at the station'),
                                        N_('the command line'))

_HEAD = ('# What supervisors changed on the page (Status, Settings); it comes before the settings file.\n'
         '# The service writes this file anew with every change; comments are not kept.\n')


class Look(NamedTuple):
    """The settings files as they are now.

    Attributes:
        coming: with which the next start works.
        basis: the same without what was changed at the station.
        origins: where each value of `coming` comes from, by name.
        changed: what was changed at the station, by name.
        mark: stands for what the files say.
        can_return: whether there is a state before the last change.
    """

    coming: Settings
    basis: Settings
    origins: Dict[str, str]
    changed: Dict[str, Any]
    mark: str
    can_return: bool

    def waiting(self, running: Settings) -> List[str]:
        """Names of the settings that become others with the next start."""
        return [name for entries in SECTIONS.values() for name in entries
                if getattr(self.coming, name) != getattr(running, name)]


class Changes:
    """The changes of one station; any thread may use it.

    Args:
        path: the settings file; None for none.
        given: of the command line, by name; None for what was not given.
        running: with which this start works.
        record: adds a line to the audit log.
    Attributes:
        restart: makes the service end, so that its supervisor starts it anew.
        restarting: whether that was asked for.
    """

    def __init__(self, path: Optional[str], given: Dict[str, Any], running: Settings, record: Callable[..., Any]
                 ) -> None:
        self.running, self._path, self._record = running, path, record
        self._given = {name: value for name, value in given.items() if value is not None}
        self._file = changes_path(running.exams_folder)
        self._lock = threading.Lock()
        self.restart: Callable[[], None] = lambda: None
        self.restarting = False

    def look(self) -> Look:
        """Read the files.

        Raises:
            SettingsError: somebody has changed one by hand, and it is not right.
        """
        sources = read_sources(self._path, self._given)
        below = [source for source in sources if source.path != self._file]
        coming, basis = [replace(settings_of(of), **self._given) for of in (sources, below)]
        origins, changed = dict.fromkeys(vars(coming), DEFAULT), {}
        for source in sources:
            origins.update(dict.fromkeys(source.values, STATION if source.path == self._file else FILE))
            changed = source.values if source.path == self._file else {}
        origins.update(dict.fromkeys(self._given, COMMAND_LINE))
        mark = hashlib.sha256(repr([source.text for source in sources]).encode('utf-8')).hexdigest()[:16]
        return Look(coming, basis, origins, changed, mark, os.path.exists(self._before))

    def change(self, name: str, value: Any, mark: str, by: str) -> None:
        """Change a setting, or have it be again what the settings file says.

        Args:
            name: of the setting.
            value: in its own type; None for that of the settings file.
            mark: of the `Look` that somebody decided by.
            by: id of the supervisor.

        Raises:
            InputError: ``setting-missing``, ``setting-fixed``, ``settings-moved``.
            SettingsError: as of `Settings`, with the sentence that the settings file would get.
            StorageError: it cannot be written; nothing has changed.
        """
        entry = next((entries[name] for entries in SECTIONS.values() if name in entries), None)
        if entry is None:
            raise InputError('setting-missing', 'There is no setting of that name.', 'Go back to the settings.')
        if name in FIXED:
            raise InputError('setting-fixed', '%s is set in the settings file alone.' % name, FIXED[name])
        with self._lock:
            look = self._unmoved(mark)
            changed = dict(look.changed)
            changed.pop(name, None)
            if value is not None and checked(entry, value) != getattr(look.basis, name):
                changed[name] = checked(entry, value)
            self._write(look, _document(changed), by)

    def take_back(self, mark: str, by: str) -> None:
        """Bring back the state before the last change; once more, and the change is there again.

        Args:
            mark, by: as of `change`.

        Raises:
            InputError: ``settings-moved``; ``settings-before`` where there is no such state.
            SettingsError, StorageError: as of `change`.
        """
        with self._lock:
            look = self._unmoved(mark)
            try:
                with open(self._before, encoding='utf-8') as stream:
                    text = stream.read()
            except (OSError, UnicodeDecodeError) as error:
                raise InputError('settings-before', 'There is no state before the last change.',
                                 'Change the setting itself.', detail=str(error))
            self._write(look, text, by)

    @property
    def _before(self) -> str:
        return self._file + '.before'

    def _unmoved(self, mark: str) -> Look:
        look = self.look()
        if look.mark != mark:
            raise InputError('settings-moved', 'The settings were changed meanwhile, by hand or by somebody else.',
                             'Look at them again, and change what is still to be changed.')
        return look

    def _write(self, look: Look, text: str, by: str) -> None:
        """Put a text in place of the file, which stays as the state before; one line of the audit log."""
        source = parse_source(self._file, text, self._given, FIXED)
        coming = Settings(**dict(vars(look.basis), **source.values))
        both = {name: [getattr(look.coming, name), getattr(coming, name)] for name in vars(coming)
                if getattr(look.coming, name) != getattr(coming, name)}
        old = _document(look.changed)
        atomic_write(self._file, text.encode('utf-8'), 0o600)
        try:
            self._record('setting-changed', by, settings=both)
        except StorageError:
            with contextlib.suppress(StorageError):
                atomic_write(self._file, old.encode('utf-8'), 0o600)
            raise
        atomic_write(self._before, old.encode('utf-8'), 0o600)


def _document(values: Dict[str, Any]) -> str:
    """Settings as TOML, by section in the order of the class."""
    lines = [_HEAD]
    for section, entries in SECTIONS.items():
        names = [name for name in entries if name in values]
        if names:
            # A text of JSON without escapes of its own is one of TOML; control characters were refused.
            lines += ['\n[%s]\n' % section] + [
                '%s = %s\n' % (name, json.dumps(values[name], ensure_ascii=False)) for name in names]
    return ''.join(lines)

