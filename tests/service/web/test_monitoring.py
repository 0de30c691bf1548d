"""What Prometheus reads, and what it must never read."""
import json
import re
import sys

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.cameras.replay import ReplayCamera
from service.messages import CameraError
from service.settings import Settings
from service.telemetry import Reading
from service.web.app import create_app
from tests.fakes import frames
from tests.fakes.vitals import Fixed, reading

from .conftest import LocalClient, picture_shown

#: Everything that may be a label: parts of the machine and of the program.
LABELS = {'version', 'bundle', 'bundle_version', 'bundle_hash', 'backend', 'provider', 'precision', 'stage', 'le',
          'part', 'kind', 'zone', 'unit', 'rail', 'grade'}


@pytest.fixture
def scrape(stub, live, files_root):
    """Ask an application over `live`; returns {(name, labels without le): value} of everything but the buckets."""
    def ask(vitals=None, **headers):
        settings = Settings(port=8080, max_viewers=2, files_root=str(files_root))
        app = create_app(stub, live, settings, vitals)
        app.test_client_class = LocalClient
        ask.answer = app.test_client().get('/metrics', headers=headers)
        assert ask.answer.status_code == 200
        return {(sample.name,) + tuple(sorted(sample.labels.values())): sample.value
                for family in text_string_to_metric_families(ask.answer.get_data(as_text=True))
                for sample in family.samples if not sample.name.endswith('_bucket')}
    return ask


def test_frames_stages_drops_and_bundle(scrape, live, stub):
    live.start()
    picture_shown(live)
    live.stop()
    values = scrape()
    state = live.state.values['live']
    assert values['thermoscreen_frames_shown_total',] == state['shown'] > 0
    assert values['thermoscreen_frames_dropped_total',] == state['dropped']
    assert values['thermoscreen_camera_received_total',] == live.capture.counts.received
    assert values['thermoscreen_stage_seconds_count', 'infer'] == state['shown']
    times = live.latencies.read()
    # Nobody watches: the first picture is drawn, and the others only counted.
    assert 1 <= values['thermoscreen_latency_seconds_count',] == sum(times['page'].counts) <= state['shown']
    assert values['thermoscreen_stage_seconds_sum', 'infer'] == pytest.approx(times['infer'].sum_ms / 1e3)
    assert values['thermoscreen_picture_seconds_sum',] == pytest.approx(times['total'].sum_ms / 1e3)
    assert not [name for name in values if name[0].startswith('thermoscreen_stage') and name[-1] in ('total', 'page')]
    info = [name for name in values if name[0] == 'thermoscreen_info'][0]
    assert {'tiny', '1.0.0', '5a02cb75' * 8, 'stub'} <= set(info)
    assert sum(values[name] for name in values if name[0] == 'thermoscreen_camera_quality') == 1


def test_buckets_are_whole_and_grow(scrape, live):
    live.latencies.observe({'infer': 0.5, 'page': 33.0})
    live.latencies.observe({'infer': 4000.0, 'page': 40.0})
    scrape()
    families = {family.name: family for family in
                text_string_to_metric_families(scrape.answer.get_data(as_text=True))}
    counts = {sample.labels['le']: sample.value for sample in families['thermoscreen_stage_seconds'].samples
              if sample.name.endswith('_bucket')}
    assert counts['0.001'] == counts['2.5'] == 1 and counts['+Inf'] == 2
    assert list(counts.values()) == sorted(counts.values())
    latency = {sample.labels['le']: sample.value for sample in families['thermoscreen_latency_seconds'].samples
               if sample.name.endswith('_bucket')}
    assert (latency['0.02'], latency['0.033'], latency['0.05']) == (0, 1, 2)


def test_the_machine_in_base_units(scrape):
    values = scrape(Fixed(reading(throttle_signs=['cooling device cpu-balanced is at step 1'])))
    assert values['thermoscreen_temperature_celsius', 'cpu'] == 45.5
    assert values['thermoscreen_throttled',] == 1 and values['thermoscreen_supply_sagging',] == 0
    assert values['thermoscreen_clock_hertz', 'cpu0'] == 1.224e9
    assert values['thermoscreen_clock_cap_hertz', 'gpu'] == 9.216e8
    assert ('thermoscreen_clock_cap_hertz', 'emc') not in values
    assert values['thermoscreen_power_watts',] == pytest.approx(5.59)
    assert values['thermoscreen_rail_power_watts', 'POM_5V_GPU'] == pytest.approx(2.94)
    assert values['thermoscreen_load_ratio', 'gpu'] == 0.72 and ('thermoscreen_load_ratio', 'emc') not in values
    assert values['thermoscreen_memory_bytes', 'available'] == 3 << 30
    assert values['thermoscreen_disk_free_bytes',] == 50 << 30
    assert values['thermoscreen_fan_drive_ratio',] == 0.5 and ('thermoscreen_fan_rpm',) not in values
    assert values['thermoscreen_telemetry_age_seconds',] == 1.5


@pytest.mark.parametrize('newest', [Reading(), Reading(offered=True, age_s=1.0),
                                    Reading(offered=True, age_s=90.0, silent=True)])
def test_what_is_not_measured_is_not_there(scrape, newest):
    machine = ('temperature', 'throttled', 'supply', 'clock', 'load', 'power', 'rail', 'fan', 'memory', 'disk', 'over')
    names = {name[0] for name in scrape(Fixed(newest))}
    assert not [name for name in names if name.startswith(tuple('thermoscreen_' + word for word in machine))]
    assert '# HELP thermoscreen_temp' not in scrape.answer.get_data(as_text=True)
    assert 'thermoscreen_running' in names


def test_a_camera_that_is_away(scrape, live, camera):
    camera.unplugged.set()
    live.start()
    while live.state.status.code != 'camera-missing':
        live.wait_for(live.state.sequence, 0.1)
    values = scrape()
    assert values['thermoscreen_running',] == 0 and values['thermoscreen_camera_quality', 'unusable'] == 1
    assert ('thermoscreen_picture_age_seconds',) not in values
    with pytest.raises(CameraError):
        live.capture.take(0.0)


def test_nothing_of_a_patient_is_in_it(make_live, stub, files_root, tmp_path):
    """Neither the name of a folder or a file, nor a temperature of a body, nor what the model found."""
    folder = tmp_path / 'Mueller Anna 1961'
    folder.mkdir()
    np.savetxt(str(folder / 'frontal Mueller.csv'), frames.torso(), fmt='%.2f', delimiter=';')
    live = make_live(stub, ReplayCamera(str(folder), rate_hz=20.0))
    live.start()
    state = picture_shown(live)
    assert 'Mueller' in state.text  # so that the test would see it
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), Fixed(reading()))
    app.test_client_class = LocalClient
    client = app.test_client()
    text = client.get('/metrics').get_data(as_text=True)
    for word in ('mueller', 'anna', '1961', 'region', 'finding', 'breast', 'probability', 'sentence'):
        assert word not in text.lower()
    families = list(text_string_to_metric_families(text))
    assert {label for family in families for sample in family.samples for label in sample.labels} <= LABELS
    for page in ('/status', '/status/timing', '/status/board'):
        assert 'Mueller' not in client.get(page).get_data(as_text=True)


def test_it_speaks_the_form_that_is_asked_for(scrape):
    scrape()
    assert scrape.answer.mimetype == 'text/plain'
    scrape(Accept='application/openmetrics-text;version=1.0.0')
    assert scrape.answer.mimetype == 'application/openmetrics-text'
    assert scrape.answer.get_data(as_text=True).endswith('# EOF\n')


@pytest.mark.parametrize('version', ['a', '1.x', '', '\xb2', '1' * 5000, '-1'])
def test_a_version_that_is_none_is_no_fault(client, version):
    for kind in ('application/openmetrics-text', 'text/plain'):
        answer = client.get('/metrics', headers={'Accept': '%s;version=%s;escaping=x' % (kind, version)})
        assert answer.status_code == 200 or (answer.status_code, answer.get_json()['code']) == (400, 'accept-refused')


def test_without_the_library_one_line_says_so_and_the_page_runs(client, monkeypatch):
    for name in [name for name in sys.modules if name.split('.')[0] == 'prometheus_client']:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, 'prometheus_client', None)
    monkeypatch.delitem(sys.modules, 'service.web.metric_families', raising=False)
    answer = client.get('/metrics')
    assert (answer.status_code, answer.get_json()['code']) == (501, 'metrics-missing')
    assert 'prometheus_client' in answer.get_json()['sentence'] and '\n' not in answer.get_json()['sentence']
    assert client.get('/').status_code == client.get('/status').status_code == 200


def test_it_is_for_this_machine_alone(client):
    assert client.get('/metrics', environ_overrides={'HTTP_HOST': 'evil.example'}).get_json()['code'] == 'host-refused'
    assert client.post('/metrics').status_code == 405


def test_dashboard_and_alerts_name_metrics_that_are_there(scrape, live, root):
    live.latencies.observe({'infer': 0.5, 'page': 33.0})
    scrape(Fixed(reading()))
    known = {sample.name for family in text_string_to_metric_families(scrape.answer.get_data(as_text=True))
             for sample in family.samples}
    # Not every one has a value at once.
    known |= set(re.findall("'(thermoscreen_[a-z_]+)'", (root / 'service/web/metric_families.py').read_text()))
    dashboard = json.loads((root / 'fleet' / 'grafana.json').read_text())
    asked = [target['expr'] for panel in dashboard['panels'] for target in panel['targets']]
    asked.append((root / 'fleet' / 'alerts.yml').read_text())
    named = {name for text in asked for name in re.findall(r'\b(?:thermoscreen|process)_[a-z0-9_]+', text)}
    assert len(named) > 12 and named - known == set()
