"""Archives for tests: a real Orthanc, and peers that do what no archive should."""
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

PLUGINS = '/usr/share/orthanc/plugins/'


def free_port():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return taken.getsockname()[1]


def secured(folder, trusted):
    """Settings of an Orthanc that speaks TLS with the certificate `archive`, to who shows one that `trusted` has."""
    return {'DicomTlsEnabled': True, 'DicomTlsRemoteCertificateRequired': True,
            'DicomTlsCertificate': str(folder / 'archive.pem'), 'DicomTlsPrivateKey': str(folder / 'archive.key'),
            'DicomTlsTrustedCertificates': str(folder / (trusted + '.pem'))}


class Orthanc:
    """An Orthanc of its own.

    Args:
        folder (str): of its files.
        program (str): its path.
        title (str): its AE title.
        **more: further settings of it.
    Attributes:
        port, http_port (int): of DICOM and of HTTP.
        callback (int): where it looks for the station, whose AE title is THERMO.
        worklists (str): folder of worklist files.
    """

    title = 'ORTHANC'

    def __init__(self, folder, program='Orthanc', **more):
        self.folder, self._program = str(folder), program
        self.port, self.http_port, self.callback = free_port(), free_port(), free_port()
        self.worklists = os.path.join(self.folder, 'worklists')
        os.makedirs(self.worklists, exist_ok=True)
        plugins = [PLUGINS + name for name in ('libModalityWorklists.so', 'libOrthancDicomWeb.so')]
        settings = {
            'StorageDirectory': 'db', 'IndexDirectory': 'db', 'HttpPort': self.http_port, 'RemoteAccessAllowed': False,
            'Plugins': [path for path in plugins if os.path.exists(path)], 'DicomAet': self.title,
            'DicomPort': self.port, 'DicomCheckCalledAet': True, 'StorageCommitmentReportsSize': 1000,
            'DicomModalities': {'thermo': ['THERMO', '127.0.0.1', self.callback]},
            'Worklists': {'Enable': True, 'Database': self.worklists}, 'DicomWeb': {'Enable': True},
            'DefaultEncoding': 'Utf8', 'DicomThreadsCount': 2, 'HttpThreadsCount': 2}
        settings.update(more)
        self.path = os.path.join(self.folder, 'orthanc.json')
        with open(self.path, 'w', encoding='utf-8') as stream:
            json.dump(settings, stream)
        self.start()

    def start(self):
        """Start it, and wait until it answers."""
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            self.process = subprocess.Popen([self._program, self.path], stdout=log, stderr=log)
        for _ in range(600):
            with contextlib.suppress(OSError):
                return self.ask('/system')
            assert self.process.poll() is None, open(os.path.join(self.folder, 'log')).read()[-2000:]
            time.sleep(0.05)
        raise AssertionError('Orthanc does not answer')

    def ask(self, address, body=None, method=None):
        """What its HTTP interface says, as JSON values or bytes; bytes are sent as they are."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode('utf-8')
        request = urllib.request.Request('http://127.0.0.1:%d%s' % (self.http_port, address), data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = answer.read()
            kind = answer.headers.get('Content-Type', '')
        return json.loads(found.decode('utf-8')) if 'json' in kind else found

    def uids(self):
        """SOP instance UIDs of all that it has, each as often as it has it."""
        return sorted(self.ask('/instances/%s/simplified-tags' % name)['SOPInstanceUID']
                      for name in self.ask('/instances'))

    def clear(self):
        """Forget everything."""
        for name in self.ask('/patients'):
            self.ask('/patients/' + name, method='DELETE')

    def kill(self):
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it in order."""
        self.process.terminate()
        self.process.wait()


class Peer:
    """A peer in plain sockets: `talk(connection)` is called in a thread for each call.

    Attributes:
        calls (int): how many it took.
    """

    def __init__(self, talk):
        self.calls = 0
        self._talk, self._open = talk, []
        self._socket = socket.socket()
        self._socket.bind(('127.0.0.1', 0))
        self._socket.listen(8)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self._socket.accept()[0]
                self.calls += 1
                self._open.append(connection)
                threading.Thread(target=self._safe, args=[connection], daemon=True).start()

    def _safe(self, connection):
        with contextlib.suppress(OSError):
            self._talk(connection)

    def close(self):
        self._socket.close()
        for connection in self._open:
            connection.close()


class HostileArchive:
    """A pynetdicom peer whose answers are those of a table.

    Args:
        store (callable): gets the event of a C-STORE, gives its status; it may abort or wait.
        commit (callable): gets the archive and the request of a commitment; None: not offered.
        find (bool): whether it can be asked what it has.
        classes (list of str): SOP classes that it takes; None for all that are asked in tests.
    Attributes:
        stored (list of str): SOP instance UIDs, each as often as it came.
        transactions (list): requests of commitment.
        on_next: set to have the archive tell commitments on the next association.
    """

    CLASSES = ['1.2.840.10008.5.1.4.1.1.7', '1.2.840.10008.5.1.4.1.1.7.3', '1.2.840.10008.5.1.4.1.1.104.1',
               '1.2.840.10008.5.1.4.1.1.88.33', '1.2.840.10008.5.1.4.1.1.88.59', '1.2.840.10008.5.1.4.1.1.66.4',
               '1.2.840.10008.5.1.4.1.1.30']

    def __init__(self, store=lambda event: 0x0000, commit=None, find=True, classes=None, title='ARCHIVE', port=0):
        from pydicom.dataset import Dataset
        from pynetdicom import AE, evt
        self.stored, self.has, self.transactions = [], {}, []
        self._store, self._commit = store, commit
        ae = AE(ae_title=title)
        ae.require_called_aet = True
        ae.add_supported_context('1.2.840.10008.1.1')
        for name in self.CLASSES if classes is None else classes:
            ae.add_supported_context(name)
        if find:
            ae.add_supported_context('1.2.840.10008.5.1.4.1.2.2.1')
        if commit is not None:
            ae.add_supported_context('1.2.840.10008.1.20.1', scu_role=True, scp_role=True)

        def on_store(event):
            status = self._store(event)
            if status == 0x0000 or 0xB000 <= status < 0xC000:
                self.keep(event)
            return status

        def on_find(event):
            for uid, (study, series) in list(self.has.items()):
                if (study, series) == (event.identifier.StudyInstanceUID, event.identifier.SeriesInstanceUID):
                    row = Dataset()
                    row.QueryRetrieveLevel, row.SOPInstanceUID = 'IMAGE', uid
                    yield 0xFF00, row

        def on_action(event):
            request = event.action_information
            self.transactions.append(request)
            return self._commit(self, event, request), None
        self.server = ae.start_server(('127.0.0.1', port), block=False, evt_handlers=[
            (evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find), (evt.EVT_N_ACTION, on_action)])
        self.port = self.server.server_address[1]
        self.server.daemon_threads = True

    def keep(self, event):
        uid = str(event.request.AffectedSOPInstanceUID)
        self.stored.append(uid)
        self.has[uid] = (event.dataset.StudyInstanceUID, event.dataset.SeriesInstanceUID)

    def report(self, request):
        """What it says to a commitment, honestly: dataset and event type."""
        from pydicom.dataset import Dataset
        told = Dataset()
        told.TransactionUID = request.TransactionUID
        there = [item for item in request.ReferencedSOPSequence if item.ReferencedSOPInstanceUID in self.has]
        lacking = [item for item in request.ReferencedSOPSequence if item.ReferencedSOPInstanceUID not in self.has]
        told.ReferencedSOPSequence = there
        if lacking:
            for item in lacking:
                item.FailureReason = 0x0112
            told.FailedSOPSequence = lacking
        return told, 2 if lacking else 1

    def close(self):
        self.server.shutdown()


class StepServer:
    """Takes steps; `turn` sees each that it takes, and what that gives is the status in place of the right one.

    Attributes:
        steps: values by UID.
        asked, taken: every request, and those that changed something: create or set, and the UID.
    """

    def __init__(self):
        from pynetdicom import AE, evt
        self.steps, self.asked, self.taken, self.turn = {}, [], [], lambda event: None
        ae = AE(ae_title='RIS')
        ae.add_supported_context('1.2.840.10008.3.1.2.3.3')
        self.server = ae.start_server(('127.0.0.1', 0), block=False, evt_handlers=[
            (evt.EVT_N_CREATE, self._created), (evt.EVT_N_SET, self._set)])
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def _created(self, event):
        uid, values = str(event.request.AffectedSOPInstanceUID), event.attribute_list
        self.asked.append(('create', uid))
        if uid in self.steps:
            return 0x0111, None
        self.steps[uid] = values
        self.taken.append(('create', uid))
        return self.turn(event) or 0x0000, None

    def _set(self, event):
        uid, values = str(event.request.RequestedSOPInstanceUID), event.modification_list
        self.asked.append(('set', uid))
        if uid not in self.steps or self.steps[uid].PerformedProcedureStepStatus != 'IN PROGRESS':
            return 0x0110, None
        self.steps[uid].update(values)
        self.taken.append(('set', uid))
        return self.turn(event) or 0x0000, None

    def close(self):
        self.server.shutdown()


def make_certificate(folder, name, days=30, host='127.0.0.1'):
    """A certificate for both ends of TLS, signed by itself: ``NAME.pem`` and ``NAME.key``."""
    import datetime
    import ipaddress

    from service.sealing import importing_cryptography
    with importing_cryptography():
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.x509.oid import NameOID
    key = rsa.generate_private_key(65537, 2048)  # the TLS 1.2 of DCMTK knows no other kind
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.datetime.fromtimestamp(time.time() - 86400 * 60, datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(1).not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=60 + days))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), False)
            .sign(key, hashes.SHA256()))
    (folder / (name + '.pem')).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / (name + '.key')).write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def tell_commitment(association, report, kind):
    """N-EVENT-REPORT of a commitment over an association that stands; the status that came back."""
    status, _ = association.send_n_event_report(report, kind, '1.2.840.10008.1.20.1', '1.2.840.10008.1.20.1.1')
    return status.get('Status')


def made(number=1, study='2.25.1', series='2.25.2', sop_class='1.2.840.10008.5.1.4.1.1.7', size=8):
    """A small object as bytes of a DICOM file, and its UID."""
    import io

    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, '2.25.100%d' % number
    meta.TransferSyntaxUID, meta.ImplementationClassUID = '1.2.840.10008.1.2.1', '2.25.99'
    found = FileDataset('', {}, file_meta=meta, preamble=b'\0' * 128)
    found.SpecificCharacterSet = 'ISO_IR 192'
    found.SOPClassUID, found.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    found.StudyInstanceUID, found.SeriesInstanceUID = study, series
    found.PatientID, found.PatientName, found.Modality, found.StudyID = 'P-1', 'Änna^Ö', 'TG', '1'
    found.StudyDate = found.StudyTime = found.AccessionNumber = found.PatientBirthDate = found.PatientSex = ''
    found.Rows = found.Columns = size
    found.BitsAllocated = found.BitsStored = 16
    found.HighBit, found.PixelRepresentation, found.SamplesPerPixel = 15, 0, 1
    found.PhotometricInterpretation, found.ConversionType = 'MONOCHROME2', 'SD'
    found.PixelData = bytes(2 * size * size)
    out = io.BytesIO()
    if pydicom.__version__ < '3':
        found.is_little_endian, found.is_implicit_VR = True, False
        found.save_as(out, write_like_original=False)
    else:
        found.save_as(out, enforce_file_format=True)
    return out.getvalue(), str(found.SOPInstanceUID)
