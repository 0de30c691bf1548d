"""The status page: an operator's words first, then every figure; nothing for what is not there."""
import re
from types import SimpleNamespace

import pytest

from service.live import Latencies
from service.messages import OK, WARNING, Message
from service.settings import Settings
from service.telemetry import Reading
from service.web.app import create_app
from service.web.status import stage_rows
from tests.fakes.vitals import Fixed, reading

from .conftest import LocalClient, picture_shown


@pytest.fixture
def status(stub, live, files_root):
    """The text of a part of the page, without its tags."""
    def ask(part='', newest=None, changing=None):
        settings = Settings(port=8080, max_viewers=2, files_root=str(files_root))
        app = create_app(stub, live, settings, Fixed(newest or reading()), changing=changing)
        app.test_client_class = LocalClient
        answer = app.test_client().get('/status' + part)
        assert answer.status_code == 200
        ask.html = answer.get_data(as_text=True)
        inside = re.search(r'<div id="now">(.*)</main>', ask.html, re.S).group(1)
        return ' '.join(re.sub(r'<[^>]+>', ' ', inside).split())
    return ask


def one_picture(live):
    """Run a loop for a moment: how regularly frames come on a busy machine is no matter of these tests."""
    live.start()
    picture_shown(live)
    live.stop()


def test_all_is_well(status, live):
    one_picture(live)
    text = status()
    assert text.startswith('All is well.') and 'wanting' not in status.html
    names = re.findall(r'</svg><span>([A-Z][a-z ]+)</span></h3>', status.html)
    assert names == ['Camera', 'Analysis', 'Model', 'Disk', 'Temperature', 'Speed', 'Power supply', 'Memory', 'Clock']
    assert 'tiny 1.0.0 5a02cb755a02' in text and 'It is 2030-01-02' in text


def test_what_needs_attention_stands_first_with_its_step_and_code(status, live):
    one_picture(live)
    text = status(newest=reading(hottest_c=95.0))
    assert text.startswith('One thing needs attention. Temperature The device is hot, 95 °C inside. Let air reach')
    assert 'board-hot' in text
    text = status(newest=reading(hottest_c=95.0, supply_signs=['the 5 V input is at 4.61 V']))
    assert text.startswith('2 things need attention.')


def test_a_camera_that_is_away_says_what_to_do(status, live, camera):
    camera.unplugged.set()
    live.start()
    while live.state.status.code != 'camera-missing':
        live.wait_for(live.state.sequence, 0.1)
    text = status()
    assert 'The switched camera is not plugged in. Plug it in.' in text and 'camera-missing' in text
    assert 'It waits for the camera.' in text


@pytest.mark.parametrize('part, code', [('inference', 'inference-stuck'), ('storage', 'storage-stuck'),
                                        ('capture', 'capture-stuck'), ('live', 'live-stuck')])
def test_a_part_that_hangs(status, live, part, code):
    live.heartbeats.expect(part)
    live.heartbeats._since_s[part] -= 600
    text = status()
    assert code in text and ('There is room for results.' in text) == (part != 'storage')


def test_a_model_that_was_passed_over_is_told(stub, status, monkeypatch):
    monkeypatch.setattr(stub, 'passed_over', (
        Message('engine-stale', 'It is out of date.', severity=WARNING, subject='tensorrt:fp16'),))
    on_trial = SimpleNamespace(trial=SimpleNamespace(message=Message('model-on-trial', 'It is new here.', severity=OK)))
    for text in (status(), status(changing=on_trial)):
        assert 'not in the fastest way' in text and 'engine-stale' in text
    monkeypatch.setattr(stub, 'passed_over', ())
    assert 'It is new here.' in status(changing=on_trial)


def test_what_is_not_measured_has_no_line(status):
    text = status(newest=reading('temperatures_c', 'hottest_c', 'memory'))
    assert 'Temperature' not in text and 'Memory' not in text
    text = status('/board', reading('rails', 'power_mw', 'fan'))
    assert 'power supply' not in text and ' fan ' not in text and ' 0.0 ' not in text


def test_board_shows_every_figure(status):
    text = status('/board')
    for words in ('board Jetson Nano 4 GB', 'power mode MAXN', 'temperature ao 51.0 °C',
                  'GPU 845 of 922 MHz, 72 % busy',
                  'power 5.59 W in all', 'fan driven at 50 %', 'disk 50 GiB of 64 GiB free',
                  'not measured memory clock', 'read 2 s ago'):
        assert words in text
    assert 'Nothing here measures the machine' in status('/board', Reading(age_s=1.0))
    assert 'Nothing here measures the machine' not in status('/board', Reading())


def test_timing_shows_stages_and_drops(status, live):
    assert 'No picture was analysed yet.' in status('/timing')
    one_picture(live)
    text = status('/timing')
    assert 'stage median p95 p99 longest' in text and 'network' in text and 'camera to page' in text
    assert 'pictures were shown, and' in text and '0 of at most 2 pages watch.' in text
    for took_ms in [41.0] * 60 + [600.0] * 5 + [48.0] * 35:
        live.latencies.observe({'page': took_ms})
    assert 'The last 100 pictures took 41 ms from the camera to the page, 9 of 10 at most 48 ms.' in status('/timing')


def test_percentiles_are_values_that_were_measured():
    latencies = Latencies()
    for took_ms in [1.0] * 90 + [2.0] * 8 + [50.0, 99.0]:
        latencies.observe({'infer': took_ms})
    assert stage_rows(latencies.read()) == [('network', (1.0, 2.0, 50.0, 99.0))]


def test_other_parts_are_missing(client):
    assert client.get('/status/nothing').status_code == 404
