"""The settings file: what is wrong is said with file, line and remedy."""
import dataclasses
import os

import pytest

from service.hospital.site import Peer, Site, Tls
from service.messages import CameraError, SettingsError
from service.quality import QualityLimits
from service.settings import Settings, document_keys, load_settings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def write(tmp_path, text):
    path = tmp_path / 'settings.toml'
    path.write_bytes(text.encode('utf-8'))
    return str(path)


def test_the_defaults_are_valid_and_the_gate_s_own():
    settings = load_settings()
    assert settings.host == '127.0.0.1' and settings.port == 8080
    assert settings.quality_limits() == QualityLimits()


def test_a_file_and_the_command_line_on_top(tmp_path):
    path = write(tmp_path, '[web]\nport = 9000\n\n[analysis]\ndifference_threshold_c = 2\n')
    settings = load_settings(path, port=9001, camera=None)
    assert settings.port == 9001 and settings.camera == 'sim'
    assert settings.difference_threshold_c == 2.0 and isinstance(settings.difference_threshold_c, float)


@pytest.mark.parametrize('text, code, line', [
    ('[web]\nprot = 1\n', 'setting-unknown', 2),
    ('[web]\nport = 8080\n[wob]\n', 'setting-unknown', 3),
    ('port = 1\n', 'setting-unknown', 1),
    ('[web]\n\n# a comment\nport = "8080"\n', 'setting-type', 4),
    ('[web]\nport = true\n', 'setting-type', 2),
    ('[web]\nport = 0\n', 'setting-range', 2),
    ('[web]\nhost = "0.0.0.0"\n', 'setting-choice', 2),
    ('[overlay]\npalette = "rainbow"\n', 'setting-choice', 2),
    ('[model]\nbackend = "onnx"\n', 'setting-choice', 2),
    ('[model]\nthreads = 2\nprecision = "FP16"\n', 'setting-choice', 3),
    ('[model]\nengines = true\n', 'setting-type', 2),
    ('[quality]\nskin_low_c = 41.0\n', 'setting-contradiction', 2),
    ('[analysis]\ndifference_threshold_c = nan\n', 'setting-range', 2),
])
def test_what_is_wrong_is_found_in_its_line(tmp_path, text, code, line):
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.code == code
    assert caught.value.message.text.startswith('%s, line %d: ' % (path, line))


@pytest.mark.parametrize('text', ['[web', 'a = = 1', '\x00', '[[web]]\n'])
def test_what_is_not_toml_is_refused(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text))
    assert caught.value.code in ('settings-syntax', 'setting-unknown') and '\n' not in caught.value.message.text


def test_a_missing_file_a_folder_and_bytes(tmp_path):
    (tmp_path / 'latin').write_bytes(b'\xff\xfe')
    for path in (tmp_path / 'none.toml', tmp_path, tmp_path / 'latin'):
        with pytest.raises(SettingsError) as caught:
            load_settings(str(path))
        assert caught.value.code == 'settings-unreadable'


@pytest.mark.parametrize('text, code, line', [
    ('[camera]\ncamera = "nonsense:1"\n', 'camera-spec', 2),
    ('[camera]\n\ncamera = "sim:letters"\n', 'camera-spec', 3),
    ('[camera]\ncamera = "sim:1?speed=fast"\n', 'camera-spec', 2),
    ('[camera]\ncamera = "replay:"\n', 'camera-spec', 2),
    ('[camera]\ncamera = "v4l2:"\n', 'camera-spec', 2),
    ('[camera]\ncamera = "simusb:unheard-of"\n', 'camera-spec', 2),
    ('[camera]\ncamera = "usb:xyz"\n', 'camera-spec', 2),
    ('[camera]\ncamera = ""\n', 'setting-text', 2),
    ('[camera]\nreference_patch = "a,b,c,d"\n', 'setting-range', 2),
    ('[camera]\nreference_patch = "0,0,2,2"\n', 'setting-range', 2),
    ('[camera]\nreference_patch = "nan,0,1,1"\n', 'setting-range', 2),
    ('[camera]\nbad_pixels = "a\\nb"\n', 'setting-text', 2),
    ('[model]\nbundle = "a\\u0000b"\n', 'setting-text', 2),
    ('[model]\nbundle = ""\n', 'setting-text', 2),
    ('[web]\nfiles_root = ""\n', 'setting-text', 2),
    ('[quality]\nskin_high_c = 20.0\n', 'setting-contradiction', 2),
    ('[exams]\nexams_folder = ""\nroom_soon_mib = 512\n', 'setting-contradiction', 3),
    ('[exams]\nroom_low_mib = 300\nroom_least_mib = 300\n', 'setting-contradiction', 2),
    ('[exams]\nroom_least_mib = 100\n', 'setting-range', 2),
    ('web.port = 1\ncamera.camera = "nonsense"\n', 'camera-spec', 2),
    ('[web]\nport = 1\n[camera]\n"camera" = "nonsense"\n', 'camera-spec', 4),
    ('\ncamera = {camera = "nonsense"}\n', 'camera-spec', 2),
])
def test_what_serve_would_refuse_is_refused_in_its_line(tmp_path, text, code, line):
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.code == code and caught.value.message.next_step
    assert caught.value.message.sentence.startswith('%s, line %d: ' % (path, line))


def test_a_camera_of_the_command_line_is_refused_as_a_camera():
    with pytest.raises(CameraError) as caught:
        load_settings(camera='nonsense:1')
    assert caught.value.code == 'camera-spec'


def test_what_the_command_line_replaces_is_not_checked(tmp_path):
    path = write(tmp_path, '[camera]\ncamera = "nonsense:1"\n')
    assert load_settings(path, camera='sim:2').camera == 'sim:2'


def test_what_the_command_line_got_wrong_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, '[web]\nport = 9000\n'), port=70000)
    assert caught.value.message.text.startswith('port must be')


def test_every_setting_has_a_sentence_and_stands_in_the_reference():
    page = document_keys()
    for entry in dataclasses.fields(Settings):
        assert entry.metadata['sentence'].endswith('.')
        assert '| `%s` |' % entry.name in page and '## [%s]' % entry.metadata['section'] in page


def test_the_reference_in_the_docs_is_the_one_that_is_generated():
    with open(os.path.join(ROOT, 'docs', 'settings.md'), encoding='utf-8') as stream:
        assert stream.read() == document_keys()


ARCHIVE = '[hospital]\narchive_host = "pacs.example.org"\narchive_ae_title = "PACS"\n'
TLS = 'tls_certificate = "/etc/a.pem"\ntls_key = "/etc/a.key"\ntls_trusted = "/etc/trusted.pem"\n'


@pytest.mark.parametrize('text, code, line', [
    ('[hospital]\narchive_host = "pacs.example.org"\n', 'setting-contradiction', 2),
    ('[hospital]\nworklist_ae_title = "RIS"\n', 'setting-contradiction', 2),
    (ARCHIVE + TLS[:TLS.index('tls_trusted')], 'setting-contradiction', 4),
    (ARCHIVE + 'listener_port = 8080\n', 'setting-contradiction', 4),
    ('[hospital]\ndelete_sent_days = 30\n', 'setting-contradiction', 2),
    ('[hospital]\nae_title = "SEVENTEEN-LETTERS"\n', 'hospital-title', 2),
    ('[hospital]\nae_title = "BACK\\\\SLASH"\n', 'hospital-title', 2),
    ('[hospital]\nae_title = " THERMO"\n', 'hospital-title', 2),
    ('[hospital]\nae_title = "THÉRMO"\n', 'hospital-title', 2),
    ('[hospital]\nae_title = "A\\u0007"\n', 'setting-text', 2),
    ('[hospital]\narchive_host = "pacs:104"\n', 'hospital-host', 2),
    ('[hospital]\narchive_port = 0\n', 'setting-range', 2),
    ('[hospital]\nobjects = "temperature, mesurements"\n', 'hospital-objects', 2),
    ('[hospital]\nobjects = ","\n', 'hospital-objects', 2),
    ('[hospital]\nworklist_modality = "tg"\n', 'hospital-modality', 2),
    ('[hospital]\nstation_name = "A TROLLEY OF ROOM 3"\n', 'hospital-text', 2),
    ('[hospital]\ninstitution = "A\\\\B"\n', 'hospital-text', 2),
    ('[hospital]\nfhir_url = "ftp://record.example.org"\n', 'hospital-url', 2),
    ('[hospital]\nfhir_url = "https://user:pin@record.example.org/fhir"\n', 'hospital-url', 2),
    ('[hospital]\nfhir_url = "https://record.example.org:port/fhir"\n', 'hospital-url', 2),
    ('[hospital]\nfhir_patient_system = "patients"\n', 'hospital-url', 2),
    ('[hospital]\nfhir_url = "https://record.example.org"\n', 'setting-contradiction', 2),
    ('[hospital]\nfhir_url = "http://record.example.org"\nfhir_patient_system = "urn:oid:1.2"\nfhir_token = "/a"\n',
     'setting-contradiction', 4),
])
def test_what_is_wrong_of_the_hospital_is_refused_with_a_remedy(tmp_path, text, code, line):
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.code == code and caught.value.message.next_step
    assert caught.value.message.sentence.startswith('%s, line %d: ' % (path, line))


def test_the_hospital_is_nobody_until_somebody_is_named(tmp_path):
    assert load_settings().site() == Site()
    text = ARCHIVE + TLS + ('worklist_host = "192.0.2.10"\nworklist_port = 2762\nworklist_ae_title = "RIS"\n'
                            'ae_title = "THERMO 3"\ninstitution = "Νοσοκομείο"\nobjects = "report,temperature"\n'
                            'stored_unit = "celsius"\nfhir_url = "https://record.example.org/fhir/"\n'
                            'fhir_patient_system = "urn:oid:1.2"\nfhir_token = "/etc/token"\n')
    site = load_settings(write(tmp_path, text)).site()
    tls = Tls('/etc/a.pem', '/etc/a.key', '/etc/trusted.pem')
    assert site.archive == Peer('pacs.example.org', 104, 'PACS', 'THERMO 3', tls)
    assert site.worklist == Peer('192.0.2.10', 2762, 'RIS', 'THERMO 3', tls) and site.mpps is None
    assert (site.tls, site.institution, site.objects) == (tls, 'Νοσοκομείο', ('temperature', 'report'))
    assert (site.unit, site.fhir_url) == ('celsius', 'https://record.example.org/fhir')
    assert (site.fhir_patient_system, site.fhir_token, site.fhir_trusted) == ('urn:oid:1.2', '/etc/token', '')
