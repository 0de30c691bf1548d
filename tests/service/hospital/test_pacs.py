"""What is in fleet/: `make pacs` and the station beside it, and the hub that passes on what it got."""
import datetime
import json
import urllib.request

import pytest

from service.settings import load_settings

from . import peers

pacs = pytest.importorskip('fleet.pacs', reason='fleet/ is not installed')


def test_patients_of_today_arrive_and_both_sides_know_each_other(tmp_path, root, capsys):
    from service.hospital.rows import row_of
    names = []
    for number, patient in enumerate(pacs._PATIENTS, 1):
        row = row_of(pacs.scheduled(number, *patient))
        names.append(row['patient'])
        assert row['study_uid'] and row['accession'] and row['modality'] == 'TG'
        assert row['scheduled'].startswith(datetime.date.today().isoformat())
    assert names == ['Lind Anna', 'Παπαδοπούλου Ελένη']
    with open(pacs.prepare(str(tmp_path), 4242, 8042, 11112), encoding='utf-8') as stream:
        archive = json.load(stream)
    site = load_settings(str(root / 'fleet' / 'station.toml')).site()
    for peer in (site.archive, site.worklist):
        assert (peer.port, peer.called) == (archive['DicomPort'], archive['DicomAet'])
    known = archive['DicomModalities']['thermo1']
    assert (known['AET'], known['Port']) == (site.title, site.listener_port) and known['AllowStorageCommitment']
    assert archive['Worklists']['Database'] == str(tmp_path / 'worklists')


def test_without_orthanc_one_sentence_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pacs.shutil, 'which', lambda name, path: None)
    assert pacs.main(['--folder', str(tmp_path)]) == 1
    assert capsys.readouterr().out.count('\n') == 1 and not list(tmp_path.iterdir())


def test_a_hub_passes_everything_on_once_the_archive_is_back(archive, tmp_path, capsys):
    from fleet import routing
    port, hub = peers.free_port(), 'http://127.0.0.1:%d' % archive.http_port
    archive.ask('/modalities/pacs', {'AET': 'ARCHIVE', 'Host': '127.0.0.1', 'Port': port}, 'PUT')
    run = [hub, 'pacs', str(tmp_path / 'routed')]
    assert routing.main(run) == 0  # whatever other tests have left
    uids = []
    for number in (1, 2, 3):
        data, uid = peers.made(number)
        with urllib.request.urlopen(hub + '/instances', data, timeout=30) as answer:
            name = json.loads(answer.read().decode('utf-8'))['ID']
        uids.append(uid)
    archive.ask('/instances/' + name, method='DELETE')
    assert routing.main(run) == 1 and capsys.readouterr().out.count('\n') == 1
    target = peers.HostileArchive(port=port)
    try:
        assert routing.main(run) == routing.main(run) == 0
    finally:
        target.close()
    assert target.stored == uids[:2]
