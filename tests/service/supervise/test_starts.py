"""Which ends of a start lead to safe mode, and which are ordinary life."""
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.messages import StorageError
from service.supervise import Moment, StartRecord, starts, state_folder


class Device:
    """A device whose service is started, dies, is stopped, and that is switched off and on."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.boot, self.now_s = 1, 10.0

    def now(self):
        return Moment('boot-%d' % self.boot, self.now_s, '2026-01-01T00:00:00Z')

    def record(self):
        return StartRecord(self.folder, self.now)

    def start(self, reaches='', after_s=2.0):
        """Start once; the code of safe mode or None."""
        record = self.record()
        reason = record.begin()
        if reason is None and reaches in (starts.READY, starts.RESULT):
            record.ready(('127.0.0.1', 8080))
            if reaches == starts.RESULT:
                record.result()
        if reaches == 'stopped':
            record.stopped()
        self.now_s += after_s
        return reason and reason.code

    def reboot(self):
        self.boot, self.now_s = self.boot + 1, 10.0


def test_a_start_clears_away_what_a_killed_one_left(tmp_path):
    (tmp_path / ('.%s.part' % ('0' * 32))).write_bytes(b'half')
    Device(tmp_path).start()
    assert os.listdir(str(tmp_path)) == ['starts.json']


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hundreds of starts without fsync, which has tests of its own."""
    def write(path, document):
        text = json.dumps(document, allow_nan=False)
        with open(path, 'w') as stream:
            stream.write(text)

    monkeypatch.setattr(starts, 'atomic_write_json', write)


@pytest.fixture
def device(tmp_path):
    return Device(tmp_path / 'state')


def test_a_start_after_a_stop_is_ordinary(device):
    assert [device.start('stopped') for _ in range(20)] == [None] * 20


def test_a_start_that_did_not_come_up_is_followed_by_safe_mode_until_it_is_left(device):
    assert device.start() is None
    assert [device.start() for _ in range(3)] == ['start-unfinished'] * 3
    device.record().leave()
    assert device.start('result') is None


def test_a_start_that_tries_a_new_model_leads_to_no_safe_mode(device):
    for _ in range(3):
        record = device.record()
        assert record.begin() is None
        record.try_model()
    assert device.start() is None  # the model was changed back; from now on a crash is the station's
    assert device.start() == 'start-unfinished'


def test_switching_off_and_on_leaves_safe_mode(device):
    device.start()
    assert device.start() == 'start-unfinished'
    device.reboot()
    assert device.start('result') is None


def test_five_crashes_in_a_minute(device):
    assert [device.start('result') for _ in range(6)] == [None] * 5 + ['crash-loop']


def test_five_crashes_in_longer_than_a_minute_are_lived_with_while_there_are_results(device):
    assert [device.start('result', after_s=16.0) for _ in range(30)] == [None] * 30


def test_five_crashes_without_one_result_are_a_loop_however_slow(device):
    assert [device.start('ready', after_s=600.0) for _ in range(6)] == [None] * 5 + ['crash-loop']


def test_one_result_in_between_starts_the_slow_count_again(device):
    stages = ['ready'] * 4 + ['result'] + ['ready'] * 4
    assert [device.start(stage, after_s=600.0) for stage in stages] == [None] * 9


def test_a_stop_in_between_starts_the_count_again(device):
    stages = ['result'] * 4 + ['stopped'] + ['result'] * 4
    assert [device.start(stage) for stage in stages] == [None] * 9


def test_a_trolley_that_is_unplugged_is_ordinary(device):
    for stage in ['result'] * 9 + ['', 'ready'] * 9:
        assert device.start(stage) is None
        device.reboot()


def test_a_device_that_never_comes_up_over_two_boots(device):
    device.start()
    device.reboot()
    assert device.start() is None
    device.reboot()
    assert device.start() == 'start-unfinished'


def test_what_is_asked_for_says_what_is_known(device):
    assert device.record().reason_asked(False).code == 'safe-asked'
    assert device.record().reason_asked(True).code == 'service-stopped'
    device.start('result')
    assert device.record().reason_asked(False).code == 'service-stopped'
    device.now_s += 1
    for _ in range(5):
        device.start('result')
    assert device.record().reason_asked(True).code == 'crash-loop'


def test_it_remembers_where_the_page_was_and_when_it_crashed(device):
    device.start('ready')
    device.start('ready')
    record = device.record()
    assert record.address == ('127.0.0.1', 8080)
    assert [(crash['reached'], crash['monotonic_s']) for crash in record.crashes] == [('ready', 12.0)]


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '{"schema": 9}', '\xff', '{"schema": 1}', '"' * 99])
def test_a_file_that_cannot_be_read_is_put_aside(device, text, tmp_path):
    device.start('ready')
    path = tmp_path / 'state' / starts.FILE
    path.write_text(text, encoding='latin-1')
    assert device.start('stopped') is None
    assert (tmp_path / 'state' / (starts.FILE + '.unreadable')).read_text(encoding='latin-1') == text
    assert json.loads(path.read_text())['schema'] == starts.SCHEMA


@pytest.fixture(scope='module')
def known(tmp_path_factory):
    """A device in safe mode, and its file as text."""
    device = Device(tmp_path_factory.mktemp('state'))
    for _ in range(6):
        device.start('result')
    with open('%s/%s' % (device.folder, starts.FILE)) as stream:
        return device, stream.read()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_changed_value_stops_a_start(known, data):
    device, text = known
    path, document = '%s/%s' % (device.folder, starts.FILE), json.loads(text)
    junk = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
                        lambda inner: st.lists(inner, max_size=2)
                        | st.dictionaries(st.sampled_from(['boot', 'reached']), inner, max_size=2), max_leaves=3)
    where = data.draw(st.sampled_from([document, document['safe'], document['crashes'][0]]))
    where[data.draw(st.sampled_from(sorted(where)))] = data.draw(junk)
    with open(path, 'w') as stream:
        json.dump(document, stream)
    record = device.record()
    record.begin()
    record.reason_asked(True)
    assert record.address is None or len(record.address) == 2
    record.leave()


def test_a_disk_that_refuses_is_said(tmp_path):
    (tmp_path / 'state').write_text('a file')
    with pytest.raises(StorageError):
        StartRecord(str(tmp_path / 'state')).begin()


def test_by_hand_nothing_is_remembered():
    record = StartRecord(None)
    assert [record.begin() for _ in range(9)] == [None] * 9


@pytest.mark.parametrize('named, supervised, environ, folder', [
    ('/here', False, {}, '/here'),
    ('/here', True, {'STATE_DIRECTORY': '/there'}, '/here'),
    (None, True, {'STATE_DIRECTORY': '/there:/other'}, '/there'),
    (None, True, {'XDG_STATE_HOME': '/mine'}, '/mine/thermoscreen'),
    (None, False, {'STATE_DIRECTORY': '/there'}, None),
])
def test_the_folder(named, supervised, environ, folder):
    assert state_folder(named, supervised, environ) == folder
