"""What supervisors change at the station: over the settings file, checked like it, durable, and taken back."""
import errno
import os

import pytest

from service import settings_changes
from service.durable import storage_error
from service.messages import StorageError, ThermoscreenError
from service.settings import FIXED, SECTIONS, changes_path, load_settings
from service.settings_changes import COMMAND_LINE, DEFAULT, FILE, STATION, Changes

TEXT = '[exams]\nexams_folder = "%s"\nlock_minutes = 7  # as agreed\nroom_low_mib = 2000\n'


class Changed:
    """A station with a settings file, and what the audit log was told."""

    def __init__(self, folder):
        self.file, self.told = folder / 'settings.toml', []
        self.file.write_text(TEXT % (folder / 'exams'))
        self.overlay = folder / 'exams.settings.toml'
        self.start()

    def start(self):
        self.changes = Changes(str(self.file), {'port': 8090, 'host': None}, self.load(), self.record)

    def load(self):
        return load_settings(str(self.file), port=8090)

    def record(self, event, operator, **facts):
        self.told.append((event, operator, facts['settings']))

    def change(self, name, value, mark=None):
        self.changes.change(name, value, mark or self.changes.look().mark, 'ann')

    def refused(self, code, name='lock_minutes', value=9.0, mark=None):
        before = self.overlay.read_text() if self.overlay.exists() else None
        with pytest.raises(ThermoscreenError) as caught:
            self.change(name, value, mark)
        assert caught.value.code == code and before == (self.overlay.read_text() if self.overlay.exists() else None)
        return caught.value.message


@pytest.fixture
def station(tmp_path):
    return Changed(tmp_path)


def test_a_change_holds_from_the_next_start_on_and_the_settings_file_stays(station):
    first = station.changes.look()
    assert [first.origins[name] for name in ('lock_minutes', 'series_frames', 'port')] == [FILE, DEFAULT, COMMAND_LINE]
    assert first.waiting(station.changes.running) == [] and not first.can_return
    station.change('lock_minutes', 3)
    station.change('wristbands', '(?P<id>[0-9]{8}) (?P<id>"\\\\)ä')
    look = station.changes.look()
    assert look.origins['lock_minutes'] == STATION and look.basis.lock_minutes == 7.0
    assert look.waiting(station.changes.running) == ['wristbands', 'lock_minutes']
    assert station.load() == look.coming and look.coming.wristbands == '(?P<id>[0-9]{8}) (?P<id>"\\\\)ä'
    assert station.file.read_text().endswith('7  # as agreed\nroom_low_mib = 2000\n')
    assert station.told[0] == ('setting-changed', 'ann', {'lock_minutes': [7.0, 3.0]})
    assert os.stat(str(station.overlay)).st_mode & 0o777 == 0o600
    station.start()
    assert station.changes.look().waiting(station.changes.running) == []
    station.change('lock_minutes', None)
    assert station.load().lock_minutes == 7.0 and 'lock_minutes' not in station.overlay.read_text()
    station.change('wristbands', station.changes.look().basis.wristbands)
    assert station.changes.look().changed == {}, 'the same as the file says is no change'


def test_the_state_before_comes_back_and_goes_again(station):
    with pytest.raises(ThermoscreenError) as caught:
        station.changes.take_back(station.changes.look().mark, 'ann')
    assert caught.value.code == 'settings-before'
    station.change('series_frames', 30)
    station.change('series_frames', 40)
    for expected in (30, 40, 30):
        station.changes.take_back(station.changes.look().mark, 'ben')
        assert station.load().series_frames == expected
    assert station.told[-1] == ('setting-changed', 'ben', {'series_frames': [40, 30]})


def test_what_the_settings_file_would_refuse_is_refused_with_its_sentence(station):
    assert station.refused('setting-contradiction', 'room_least_mib', 3000).sentence == \
        'room_least_mib must be below room_low_mib, not 3000 and 2000.'
    for name, value, code in (('lock_minutes', 90.0, 'setting-range'), ('lock_minutes', 'long', 'setting-type'),
                              ('palette', 'pink', 'setting-choice'), ('keyboards', 'xx', 'keyboard-unknown'),
                              ('wristbands', 'a\x00', 'setting-text'), ('nothing', 1, 'setting-missing'),
                              ('open_at', '0.0.0.0:8443', 'setting-fixed')):
        station.refused(code, name, value)
    assert station.told == []


def test_what_was_changed_by_hand_meanwhile_is_said(station):
    mark = station.changes.look().mark
    station.file.write_text(station.file.read_text() + 'series_frames = 9\n')
    station.refused('settings-moved', mark=mark)
    station.change('lock_minutes', 9.0)
    station.overlay.write_text('[web]\nopen_at = "0.0.0.0:8443"\n')
    message = station.refused('setting-fixed', mark=mark)
    assert message.sentence.startswith('%s, line 2: open_at' % station.overlay)
    with pytest.raises(ThermoscreenError) as caught:
        station.load()
    assert caught.value.code == 'setting-fixed', 'the station cannot open itself to other machines'


def test_what_cannot_be_written_or_told_changes_nothing(station, monkeypatch):
    def full(event, operator, **facts):
        raise StorageError('disk-full', 'It is full.')

    station.change('lock_minutes', 4.0)
    monkeypatch.setattr(station.changes, '_record', full)
    station.refused('disk-full')

    def read_only(path, data, mode):
        raise storage_error(OSError(errno.EROFS, 'read-only'), path)

    monkeypatch.setattr(settings_changes, 'atomic_write', read_only)
    assert 'read-only' in station.refused('disk-read-only').sentence


def test_every_key_of_network_hospital_model_quality_and_keys_is_fixed_with_its_reason():
    names = {name for section in ('web', 'hospital', 'model', 'quality') for name in SECTIONS[section]}
    assert names | {'camera', 'bad_pixels', 'exams_folder', 'encrypt', 'audit_signer', 'audit_anchor'} == set(FIXED)
    assert all(reason.endswith('.') for reason in FIXED.values())
    assert changes_path('/var/lib/thermoscreen/exams/') == '/var/lib/thermoscreen/exams.settings.toml'
