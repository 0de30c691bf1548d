"""``make pacs``: a local Orthanc as the archive and worklist of one station, with two patients who are expected today.

It keeps what it got in ``.venv/pacs``, answers this machine alone, and ends with Ctrl-C.
"""
import argparse
import datetime
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from typing import Any, Dict, List

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from service.hospital.dicom.files import encode

_HERE = os.path.dirname(os.path.abspath(__file__))
_FOLDER = os.path.join(os.path.dirname(_HERE), '.venv', 'pacs')
_WORKLIST = '1.2.840.10008.5.1.4.31'
#: Name, number, birth date and sex of the patients, with the time at which each is expected.
_PATIENTS = (('Lind^Anna', 'P-1001', '19690412', 'F', '0900'),
             ('Παπαδοπούλου^Ελένη', 'P-1002', '19701231', 'F', '0930'))


def main(arguments: List[str]) -> int:
    """Start Orthanc and wait until it ends; the exit code."""
    parser = argparse.ArgumentParser(prog='make pacs', description='A local Orthanc for trying a station out.')
    parser.add_argument('--port', type=int, default=4242, help='of DICOM')
    parser.add_argument('--http-port', type=int, default=8042, help='of the page of Orthanc')
    parser.add_argument('--station-port', type=int, default=11112, help='listener_port of the station')
    parser.add_argument('--folder', default=_FOLDER, help='where it keeps what it gets')
    given = parser.parse_args(arguments)
    program = shutil.which('Orthanc', path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin')
    if program is None:
        print('Orthanc is not here. On Debian and Ubuntu: sudo apt-get install orthanc orthanc-dicomweb')
        return 1
    for port in (given.port, given.http_port):
        if not _is_free(port):
            print('Port %d is taken, perhaps by an Orthanc that runs already (systemctl stop orthanc). Choose another '
                  'one: make pacs ARGS=\'--port 4243 --http-port 8043\'' % port)
            return 1
    path = prepare(given.folder, given.port, given.http_port, given.station_port)
    with open(os.path.join(given.folder, 'log'), 'wb') as log:
        process = subprocess.Popen([program, path], stdout=log, stderr=log)
    signal.signal(signal.SIGTERM, lambda *unused: process.terminate())
    print('Orthanc is the archive and worklist ORTHANC at 127.0.0.1, port %d. %s are expected today.'
          % (given.port, ' and '.join(patient[0].replace('^', ', ') for patient in _PATIENTS)))
    print('Its page: http://127.0.0.1:%d/app/explorer.html   What it keeps, and its log: %s   Ctrl-C stops it.'
          % (given.http_port, given.folder))
    print('A station that sends to it: make run ARGS=\'--settings fleet/station.toml\'', flush=True)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue  # the terminal has told Orthanc too, which ends in order
        if code:
            print('Orthanc ended by itself. The end of %s says why.' % log.name)
        return 1 if code else 0


def prepare(folder: str, port: int, http_port: int, station_port: int) -> str:
    """Write configuration and worklist; the path of the configuration."""
    worklists = os.path.join(folder, 'worklists')
    os.makedirs(worklists, exist_ok=True)
    with open(os.path.join(_HERE, 'orthanc.json'), encoding='utf-8') as stream:
        settings: Dict[str, Any] = json.load(stream)
    settings.update({'HttpPort': http_port, 'DicomPort': port,
                     'Plugins': [path for path in settings['Plugins'] if os.path.exists(path)],
                     'Worklists': dict(settings['Worklists'], Database=worklists)})
    settings['DicomModalities']['thermo1']['Port'] = station_port
    path = os.path.join(folder, 'orthanc.json')
    with open(path, 'w', encoding='utf-8') as stream:
        json.dump(settings, stream, indent=1, sort_keys=True)
    for number, patient in enumerate(_PATIENTS, 1):
        with open(os.path.join(worklists, '%d.wl' % number), 'wb') as row:
            row.write(encode(scheduled(number, *patient)))
    return path


def scheduled(number: int, name: str, patient_id: str, birth_date: str, sex: str, time: str) -> Dataset:
    """A row of the worklist for today."""
    today = datetime.date.today().strftime('%Y%m%d')
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = 'TG', 'THERMOSCREEN'
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = today, time + '00'
    step.ScheduledProcedureStepDescription, step.ScheduledProcedureStepID = 'Breast thermography', 'S%d' % number
    row = Dataset()
    row.SpecificCharacterSet = 'ISO_IR 192'
    row.SOPClassUID, row.SOPInstanceUID = _WORKLIST, '2.25.%s%d' % (today, number)
    row.StudyInstanceUID, row.AccessionNumber = '2.25.1%s%d' % (today, number), 'A%s%d' % (today, number)
    row.PatientName, row.PatientID, row.PatientBirthDate, row.PatientSex = name, patient_id, birth_date, sex
    row.RequestedProcedureID, row.RequestedProcedureDescription = 'R%d' % number, 'Breast thermography'
    row.ScheduledProcedureStepSequence = Sequence([step])
    return row


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
