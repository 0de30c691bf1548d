"""The settings: every key in one class, the TOML file that sets them, and the page that documents them."""
import os
import re
import socket
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Callable, Container, Dict, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from .backends import BACKENDS, CUDA_INTERFACES, PRECISIONS
from .cameras.capture.corrections import parse_patch
from .cameras.registry import make_camera
from .certificate import is_loopback, parse_names
from .degrees import CELSIUS, SIGNS
from .entry import PLAIN_NUMBER, parse_keyboards, parse_wristbands
from .hospital.site import (
    PAPERS,
    UNITS,
    Peer,
    Site,
    Tls,
    parse_host,
    parse_modality,
    parse_objects,
    parse_station,
    parse_system,
    parse_text,
    parse_title,
    parse_url,
)
from .languages import LANGUAGES
from .messages import SettingsError, ThermoscreenError, did_you_mean
from .overlay import LAYERS
from .palettes import PALETTES
from .quality import QualityLimits
from .storage import EXAM_MIB, Thresholds

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib  # type: ignore[no-redef]

SHIPPED_BUNDLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'bundles', 'phantom-fpn')

#: A settings file is a page of text.
_MAX_BYTES = 256 * 1024
_TYPE_NAMES: Dict[Any, str] = {str: 'text', int: 'a whole number', float: 'a number', bool: 'true or false'}
_CONTROL_CHARACTERS = re.compile(r'[\x00-\x1f\x7f]')
_LIMITS = QualityLimits()
_ROOM = Thresholds()
_ADDRESS = re.compile(r'(?:\[([0-9a-fA-F:.]{2,45})\]|([0-9]{1,3}(?:\.[0-9]{1,3}){3})):([1-9][0-9]{3,4})\Z')
#: Why the keys of a section are changed in the settings file alone, and not by the station itself.
_FIXED_SECTIONS = {
    'model': 'It decides which model runs, and how. Another model is installed under Status, Model.',
    'web': 'It decides who reaches this station, and what.',
    'quality': 'It decides which pictures count, and was set together with the model.',
    'hospital': 'It decides where exams of patients are sent, and under which name.'}
#: The same for single keys.
_FIXED = {
    'camera': 'With another one the station may start without a picture.',
    'bad_pixels': 'It names a file of this machine.',
    'exams_folder': 'It decides where exams are kept.',
    'encrypt': 'It decides how exams are protected.',
    'audit_signer': 'It decides how the audit log is protected.',
    'audit_anchor': 'It decides how the audit log is protected.'}

#: Keys that contradict each other unless each is above the next.
_DESCENDING = (('skin_high_c', 'skin_low_c'), ('room_soon_mib', 'room_low_mib', 'room_least_mib'))
#: The machines of the hospital, each with its host, port and AE title.
_PEERS = ('archive', 'worklist', 'mpps')
_SITE = Site()


def _key(section: str, default: Any, sentence: str, unit: str = '', low: Optional[float] = None,
         high: Optional[float] = None, choices: Sequence[str] = (), may_be_empty: bool = False,
         parse: Optional[Callable[[str], object]] = None) -> Any:
    """A key of `Settings`; `parse` raises a `ThermoscreenError` for a text that its user would refuse."""
    return field(default=default, metadata={
        'section': section, 'sentence': sentence, 'unit': unit, 'low': low, 'high': high, 'choices': choices,
        'may_be_empty': may_be_empty, 'parse': parse})


def parse_address(text: str) -> Tuple[str, int]:
    """Address and port of ``0.0.0.0:8443`` or ``[::]:8443``.

    Raises:
        SettingsError: ``open-address``.
    """
    found = _ADDRESS.match(text)
    host, port = (found.group(1) or found.group(2), int(found.group(3))) if found else ('', 0)
    try:
        socket.inet_pton(socket.AF_INET6 if ':' in host else socket.AF_INET, host)
    except OSError:
        port = 0
    if not 1024 <= port < 1 << 16:
        raise SettingsError('open-address', '%r is no address with a port from 1024 on.' % text,
                            'Write such as 0.0.0.0:8443 or [::]:8443.')
    if is_loopback(host) and host not in ('0.0.0.0', '::'):
        raise SettingsError('open-address', '%s is this machine alone, which host and port serve already.' % text,
                            'Leave it empty, or give an address that other machines reach.')
    return host, port


@dataclass(frozen=True)
class Settings:
    """The settings, checked when they are made.

    In the file a key stands under its section; names are unique over all sections.

    Raises:
        SettingsError: ``setting-type``, ``setting-range``, ``setting-choice``, ``setting-text`` or
            ``setting-contradiction``.
        CameraError: ``camera-spec``.
    """

    camera: str = _key('camera', 'sim', 'Which camera: usb, usb:VID:PID, v4l2:/dev/video0, gige, sim:SEED, '
                       'simusb:FORMAT, replay:FOLDER or raw:FILE. thermoscreen cameras lists what is plugged in.',
                       parse=make_camera)
    warm_up_minutes: float = _key('camera', 15.0, 'A thermal camera is shown as warming up for this long after its '
                                  'start.', 'minutes', 0.0, 120.0)
    distance_cm: float = _key('camera', 100.0, 'From the camera to the patient. The gate of an exam tells with it by '
                              'how many centimetres the camera is too near or too far away.', 'cm', 30.0, 300.0)
    bad_pixels: str = _key('camera', '', 'File that lists bad pixels of the camera, column, row per line, counted from '
                           '0. They are replaced by the median of their neighbours. Empty for none.',
                           may_be_empty=True)
    find_bad_pixels: bool = _key('camera', True, 'Find pixels that are stuck, and replace them too.')
    reference_patch: str = _key('camera', '', 'Where a blackbody reference is in the picture: left,top,width,height '
                                'as shares of it. Every frame is shifted so that the blackbody has its temperature. '
                                'Empty for none.', may_be_empty=True, parse=parse_patch)
    reference_c: float = _key('camera', 35.0, 'Temperature of the blackbody reference.', '°C', 0.0, 60.0)
    field_of_view_deg: float = _key('camera', 0.0, 'Horizontal field of view of its lens, such as 57 of a Lepton 3.5. '
                                    'With the distance of an exam it gives the size of a pixel. 0: not known.',
                                    'degrees', 0.0, 120.0)
    denoise: bool = _key('camera', False, 'Average frames where nothing moves. The noise of a pixel falls to 0.45 of '
                         'it at rest and to 0.67 under a breath; differences between left and right become no more '
                         'exact, so it is off (benchmarks/denoise.py).')

    bundle: str = _key('model', SHIPPED_BUNDLE, 'Folder of the model bundle.')
    threads: int = _key('model', 0, 'Processor threads of one inference; 0 uses every core.', 'threads', 0, 64)
    backend: str = _key('model', 'auto', 'What runs the model. auto tries the engines of thermoscreen compile first, '
                        'then ONNX Runtime on TensorRT, CUDA and the processor.', choices=BACKENDS)
    precision: str = _key('model', 'auto', 'Precision of the inference. auto is what thermoscreen choose --write '
                          'measured on this machine; without that, the engine that is there, or fp32.',
                          choices=PRECISIONS)
    engines: str = _key('model', 'auto', 'Folder of engines and of the written choice. auto is thermoscreen/engines '
                        'in the user\'s cache. Empty for none.', may_be_empty=True)
    cuda: str = _key('model', 'auto', 'How an engine reaches CUDA. driver is the NVIDIA driver\'s own library, pycuda '
                     'the package of that name; auto is pycuda where it is installed and works, else the driver.',
                     choices=CUDA_INTERFACES)

    trusted_keys: str = _key('model', '', 'Folder of public keys (*.pub) whose bundles are accepted too, besides the '
                             'keys that came with the program.', may_be_empty=True)
    allow_unsigned: bool = _key('model', False, 'Accept unsigned bundles. For development; a bundle with a wrong '
                                'signature is refused all the same.')

    host: str = _key('web', '127.0.0.1', 'Address the page is served on. What it sends is not encrypted, so it '
                     'stays on this machine; open_at is for others.', choices=('127.0.0.1', '::1', 'localhost'))
    port: int = _key('web', 8080, 'Port the page is served on.', '', 1, 65535)
    max_viewers: int = _key('web', 20, 'Pages that may watch the live picture at once.', 'pages', 1, 100)
    files_root: str = _key('web', '/media', 'Folder whose thermograms the page may open; nothing outside it is '
                           'shown.')

    open_at: str = _key('web', '', 'Address and port for other machines, such as 0.0.0.0:8443; they speak TLS and log '
                        'in. It needs exams_folder, certificate and certificate_key. Empty: no other machine gets an '
                        'answer.', may_be_empty=True, parse=parse_address)
    station_names: str = _key('web', '', 'Names and addresses under which other machines open the page, with commas '
                              'between them; under others it answers nobody. Empty: the name of this machine, and the '
                              'address of open_at.', may_be_empty=True, parse=parse_names)
    certificate: str = _key('web', '', 'Certificate for open_at, in PEM: the station\'s own (thermoscreen certificate '
                            'make), or one that a hospital gave it.', may_be_empty=True)
    certificate_key: str = _key('web', '', 'Its key, in PEM, which only the service may read.', may_be_empty=True)
    api_tokens: str = _key('web', '', 'File of the tokens with which other programs use the API; thermoscreen tokens '
                           'writes it. Empty for none.', may_be_empty=True)

    language: str = _key('screen', 'en', 'Language of the pages: en, or de for German. What is kept, logged or read by '
                         'programs stays English.', choices=tuple(LANGUAGES))
    temperatures: str = _key('screen', CELSIUS, 'How the pages show temperatures: celsius or fahrenheit. Whatever is '
                             'kept, sent, printed or set is in °C.', choices=tuple(SIGNS))
    keyboards: str = _key('screen', 'en, de, es, el, ru', 'Languages whose letters the keyboard on the screen has, '
                          'with commas between them; it begins with the first.', parse=parse_keyboards)

    keyboard: str = _key('screen', 'kiosk', 'What a keyboard may do on the station\'s own screen. kiosk: no key does '
                         'anything, since one of them could cover the exam, and a scanner is read. operator: a '
                         'keyboard works as on every other computer.', choices=('kiosk', 'operator'))
    wristbands: str = _key('screen', PLAIN_NUMBER, 'Regular expressions of what the wristbands of this site say, with '
                           'spaces between them. The group id is the number of the patient.', parse=parse_wristbands)
    blank_minutes: float = _key('screen', 10.0, 'Without a touch for this long the locked screen turns black; the '
                                'first touch only ends that. 0 for never.', 'minutes', 0.0, 600.0)

    palette: str = _key('overlay', 'iron', 'Palette of the picture.', choices=tuple(sorted(PALETTES)))
    layer: str = _key('overlay', 'original', 'What lies under the contours.', choices=LAYERS)
    jpeg_quality: int = _key('overlay', 85, 'Quality of the live picture.', '', 30, 100)

    difference_threshold_c: float = _key('analysis', 1.0, 'A left-right difference above this is pointed out. It '
                                         'describes; it does not grade.', '°C', 0.1, 10.0)

    exams_folder: str = _key('exams', '', 'Folder in which exams are kept, on a disk with ext4, with operators, who '
                             'log in with a PIN, and the audit log. Empty: exams are not kept, and nobody logs in.',
                             may_be_empty=True)
    encrypt: bool = _key('exams', True, 'Encrypt exams: their files and what identifies the patient. It holds for what '
                         'is written from then on.')
    audit_signer: str = _key('exams', '', 'Socket of the process that signs the audit log (thermoscreen-audit.service).'
                             ' Empty: the service signs it itself, with a key that it can read.', may_be_empty=True)
    audit_anchor: str = _key('exams', '', 'File on another disk or partition, where it is noted once more how long the '
                             'audit log is. Empty for none.', may_be_empty=True)
    lock_minutes: float = _key('exams', 5.0, 'Without a touch for this long the station locks itself, and wants a PIN.',
                               'minutes', 0.5, 60.0)
    lock_between_patients: bool = _key('exams', True, 'Lock the station when an exam was signed or discarded, so that '
                                       'the next patient begins with a PIN.')
    acclimatisation_minutes: float = _key('exams', 15.0, 'For this long the patient waits, bare to the waist, before '
                                          'the pictures. Beginning earlier asks for a reason.', 'minutes', 0.0, 60.0)
    series_frames: int = _key('exams', 20, 'Pictures of a dynamic series after the cooling.', 'pictures', 2, 200)
    series_interval_s: float = _key('exams', 15.0, 'Seconds between two pictures of a dynamic series.', 'seconds', 0.2,
                                    600.0)
    room_soon_mib: int = _key('exams', _ROOM.room_soon_mib, 'Free room of its disk below which more room should be '
                              'planned.', 'MiB', EXAM_MIB, 1 << 24)
    room_low_mib: int = _key('exams', _ROOM.room_low_mib, 'Free room below which room is needed today.', 'MiB',
                             EXAM_MIB, 1 << 24)
    room_least_mib: int = _key('exams', _ROOM.room_least_mib, 'Free room below which no exam is started; one whole '
                               'exam takes at most %d MiB.' % EXAM_MIB, 'MiB', EXAM_MIB, 1 << 24)

    keep_signed_years: int = _key('exams', 0, 'Years after the signature or the last amendment for which signed exams '
                                  'are kept. Nothing goes by itself: thermoscreen exams retention removes what is '
                                  'older when a supervisor says so. 0 keeps them for ever.', 'years', 0, 200)
    keep_discarded_days: int = _key('exams', 0, 'The same for discarded exams, in days.', 'days', 0, 36500)

    archive_host: str = _key('hospital', '', 'Name or address of the archive that signed exams are sent to. Empty: '
                             'nothing is ever sent there.', may_be_empty=True, parse=parse_host)
    archive_port: int = _key('hospital', 104, 'Its port for DICOM; 2762 is usual for TLS.', '', 1, 65535)
    archive_ae_title: str = _key('hospital', '', 'Its AE title, by which the station calls it.', may_be_empty=True,
                              parse=parse_title)
    ae_title: str = _key('hospital', _SITE.title, 'AE title of this station, under which archive and worklist know '
                          'it.', parse=parse_title)
    listener_port: int = _key('hospital', _SITE.listener_port, 'Port of this station on which the archive reports what '
                              'it has committed to keep. 0: it answers on the station\'s own connections alone.', '', 0,
                              65535)
    worklist_host: str = _key('hospital', '', 'Name or address of the worklist of scheduled patients, which may be '
                              'that of the archive. Empty: there is none, and patients are typed or scanned.',
                              may_be_empty=True, parse=parse_host)
    worklist_port: int = _key('hospital', 104, 'Its port.', '', 1, 65535)
    worklist_ae_title: str = _key('hospital', '', 'Its AE title.', may_be_empty=True, parse=parse_title)
    worklist_modality: str = _key('hospital', _SITE.worklist_modality, 'Modality of the steps that are asked for. '
                                  'Where the worklist has none of it, steps of every modality are asked for. Empty for '
                                  'any.', may_be_empty=True, parse=parse_modality)
    mpps_host: str = _key('hospital', '', 'Name or address of who is told that an exam has begun and how it ended '
                          '(MPPS). Empty: nobody is.', may_be_empty=True, parse=parse_host)
    mpps_port: int = _key('hospital', 104, 'Its port.', '', 1, 65535)
    mpps_ae_title: str = _key('hospital', '', 'Its AE title.', may_be_empty=True, parse=parse_title)
    tls_certificate: str = _key('hospital', '', 'Certificate of this station, in PEM, for connections with archive, '
                                'worklist and MPPS. With it, its key and tls_trusted all of them are encrypted, and '
                                'both sides prove who they are. Empty: none is encrypted.', may_be_empty=True)
    tls_key: str = _key('hospital', '', 'Its key, in PEM, without a password, which only the service may read.',
                        may_be_empty=True)
    tls_trusted: str = _key('hospital', '', 'Certificates, in PEM, of the authorities that signed those of the other '
                            'machines.', may_be_empty=True)
    institution: str = _key('hospital', '', 'Name of the hospital in reports and in what is sent.', may_be_empty=True,
                            parse=parse_text)
    department: str = _key('hospital', '', 'Name of the department in them.', may_be_empty=True, parse=parse_text)
    station_name: str = _key('hospital', '', 'Name of this station in them, such as THERMO3.', may_be_empty=True,
                             parse=parse_station)
    paper: str = _key('hospital', _SITE.paper, 'Paper of reports.', choices=PAPERS)
    objects: str = _key('hospital', ', '.join(_SITE.objects), 'What is sent of an exam, with commas between them: '
                        'temperature (every picture), series (a dynamic series as one object), picture (in colours, as '
                        'it was shown), measurements (the table of regions), report (PDF), regions (their outlines), '
                        'map (temperatures as decimal fractions).', parse=parse_objects)
    stored_unit: str = _key('hospital', _SITE.unit, 'How viewers read temperatures. hundredths: 3133 is 31.33 °C, '
                            'right in every viewer that was tried. celsius: 31.33, which some viewers round to whole '
                            'degrees.', choices=UNITS)
    delete_sent_days: int = _key('hospital', 0, 'Days after the archive committed to keep all of an exam for which the '
                                 'exam stays on this station; the archive is asked once more before it is removed. 0: '
                                 'it stays.', 'days', 0, 36500)
    fhir_url: str = _key('hospital', '', 'Base address of the FHIR server (R4) that signed reports are sent to. Empty '
                         'for none.', may_be_empty=True, parse=parse_url)
    fhir_patient_system: str = _key('hospital', '', 'URI of the system of the numbers of patients on that server, by '
                                    'which it finds them, such as urn:oid:1.2.3.', may_be_empty=True,
                                    parse=parse_system)
    fhir_token: str = _key('hospital', '', 'File with the bearer token that lets this station in, which only the '
                           'service may read. It is read at each sending. Empty for none.', may_be_empty=True)
    fhir_trusted: str = _key('hospital', '', 'Certificates, in PEM, of the authorities that signed that of the server. '
                             'Empty: those that the system knows. Where tls_certificate is given, the station shows '
                             'it.', may_be_empty=True)

    min_range_c: float = _key('quality', _LIMITS.min_range_c, 'Range of values below which a frame counts as '
                              'constant.', '°C', 0.0, 20.0)
    min_range_grey: float = _key('quality', _LIMITS.min_range_grey, 'The same for a picture without temperatures.',
                                 'grey levels', 0.0, 255.0)
    max_saturated_share: float = _key('quality', _LIMITS.max_saturated_share, 'Part of the frame that may be at its '
                                      'highest value.', 'share', 0.0, 1.0)
    skin_low_c: float = _key('quality', _LIMITS.skin_low_c, 'Lowest mean of the body.', '°C', 0.0, 50.0)
    skin_high_c: float = _key('quality', _LIMITS.skin_high_c, 'Highest mean of the body.', '°C', 0.0, 50.0)
    min_body_share: float = _key('quality', _LIMITS.min_body_share, 'Smallest part of the frame that is body.',
                                 'share', 0.0, 1.0)
    min_contrast_c: float = _key('quality', _LIMITS.min_contrast_c, 'Smallest difference of body and background.',
                                 '°C', 0.0, 20.0)
    min_contrast_grey: float = _key('quality', _LIMITS.min_contrast_grey, 'The same for a picture without '
                                    'temperatures.', 'grey levels', 0.0, 255.0)
    max_blur: float = _key('quality', _LIMITS.max_blur, 'Standard deviation of the blur of the body\'s edges, of the '
                           'frame\'s shorter side.', 'share', 0.0, 1.0)
    min_view: float = _key('quality', _LIMITS.min_view, 'Smallest probability of a frontal or of a side view.', 'share',
                           0.5, 1.0)
    min_breast_share: float = _key('quality', _LIMITS.min_breast_share, 'Smallest part of the frame that is one '
                                   'breast.', 'share', 0.0, 1.0)
    max_lean_deg: float = _key('quality', _LIMITS.max_lean_deg, 'Steepest line between the breasts.', 'degrees', 0.0,
                               90.0)
    max_border_share: float = _key('quality', _LIMITS.max_border_share, 'Part of a breast\'s side that may lie on '
                                   'the edge of the frame.', 'share', 0.0, 1.0)
    min_confidence: float = _key('quality', _LIMITS.min_confidence, 'Smallest mean confidence of the regions over the '
                                 'body.', 'share', 0.0, 1.0)

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, checked(entry, getattr(self, entry.name)))
        for names in _DESCENDING:
            for high, low in zip(names, names[1:]):
                if getattr(self, low) >= getattr(self, high):
                    raise SettingsError('setting-contradiction', '%s must be below %s, not %.10g and %.10g.'
                                        % (low, high, getattr(self, low), getattr(self, high)))
        self._check_hospital()

    def _check_hospital(self) -> None:
        """Whether what is said of the hospital fits together.

        Raises:
            SettingsError: ``setting-contradiction``.
        """
        for name in _PEERS:
            if bool(getattr(self, name + '_host')) != bool(getattr(self, name + '_ae_title')):
                raise SettingsError('setting-contradiction', '%s_host and %s_ae_title belong together, and one of them '
                                    'is empty.' % (name, name), 'Give both, or neither.')
        files = (self.tls_certificate, self.tls_key, self.tls_trusted)
        if any(files) and not all(files):
            raise SettingsError('setting-contradiction', 'tls_certificate, tls_key and tls_trusted belong together, '
                                'and not all of them are given.', 'Give all three, or none.')
        pages = [self.port, parse_address(self.open_at)[1] if self.open_at else self.port]
        if self.archive_host and self.listener_port in pages:
            raise SettingsError('setting-contradiction', 'listener_port %d is the port of the page already.'
                                % self.listener_port, 'Give another one.')
        if self.delete_sent_days and not self.archive_host:
            raise SettingsError('setting-contradiction', 'delete_sent_days is given without archive_host, so no exam '
                                'would be sent before it is removed.', 'Give the archive, or remove it.')
        if self.fhir_url and not self.fhir_patient_system:
            raise SettingsError('setting-contradiction', 'fhir_url is given without fhir_patient_system, so the server '
                                'could not tell whose number a patient has.', 'Give both.')
        address = urlsplit(self.fhir_url)
        if self.fhir_token and address.scheme == 'http' and not is_loopback(address.hostname or ''):
            raise SettingsError('setting-contradiction', 'fhir_token would leave without encryption.',
                                'Give fhir_url with https.')

    def site(self) -> Site:
        """The hospital section as `service.hospital` takes it."""
        tls = Tls(self.tls_certificate, self.tls_key, self.tls_trusted) if self.tls_certificate else None
        archive, worklist, mpps = (
            Peer(getattr(self, name + '_host'), getattr(self, name + '_port'), getattr(self, name + '_ae_title'),
                 self.ae_title, tls) if getattr(self, name + '_host') else None for name in _PEERS)
        return Site(self.ae_title, archive, worklist, mpps, tls, self.listener_port, self.worklist_modality,
                    self.institution, self.department, self.station_name, parse_objects(self.objects),
                    self.stored_unit, self.delete_sent_days, self.fhir_url.rstrip('/'), self.paper, self.language,
                    self.fhir_patient_system, self.fhir_token, self.fhir_trusted)

    def names(self) -> List[str]:
        """Names and addresses under which other machines know the station."""
        given = parse_names(self.station_names)
        if not given:
            own = socket.gethostname().lower()
            given = [] if is_loopback(own) else [own]
            if self.open_at and not is_loopback(parse_address(self.open_at)[0]):
                given.append(parse_address(self.open_at)[0])
        return given

    def opened_hosts(self) -> List[str]:
        """`names` as a browser sends them with the port; none where the page is not opened to other machines."""
        if not self.open_at:
            return []
        port = parse_address(self.open_at)[1]
        return ['%s:%d' % ('[%s]' % name if ':' in name else name, port) for name in self.names()]

    def quality_limits(self) -> QualityLimits:
        """The quality section as the quality gate takes it."""
        return QualityLimits(**{entry.name: getattr(self, entry.name) for entry in fields(QualityLimits)})

    def room_thresholds(self) -> Thresholds:
        """The thresholds of free room as `room_for_exam` takes them."""
        return Thresholds(**{entry.name: getattr(self, entry.name) for entry in fields(Thresholds)})


#: Keys by section and name, in their order.
SECTIONS: Dict[str, Dict[str, 'Field[Any]']] = {}
for _entry in fields(Settings):
    SECTIONS.setdefault(_entry.metadata['section'], {})[_entry.name] = _entry

#: Why a key is changed in the settings file alone; the others are changed at the station too.
FIXED: Dict[str, str] = {
    entry.name: _FIXED.get(entry.name) or _FIXED_SECTIONS[entry.metadata['section']] for entry in fields(Settings)
    if entry.name in _FIXED or entry.metadata['section'] in _FIXED_SECTIONS}


class Source(NamedTuple):
    """A file of settings as it was read; each comes before the one it follows.

    Attributes:
        path, text: of the file.
        values: by name, each right by itself.
    """

    path: str
    text: str
    values: Dict[str, Any]


def checked(entry: 'Field[Any]', value: Any) -> Any:
    """The value of a key in its own type.

    Raises:
        ThermoscreenError: the key's user would refuse it.
    """
    rules = entry.metadata
    if entry.type is float and type(value) is int:
        value = float(value)
    if type(value) is not entry.type:
        raise SettingsError('setting-type', '%s must be %s, not %r.' % (entry.name, _TYPE_NAMES[entry.type], value))
    if rules['choices'] and value not in rules['choices']:
        raise SettingsError('setting-choice', '%s must be one of %s, not %r.'
                            % (entry.name, ', '.join(rules['choices']), value), did_you_mean(value, rules['choices']))
    if rules['low'] is not None and not rules['low'] <= value <= rules['high']:
        raise SettingsError('setting-range', '%s must be between %.10g and %.10g, not %r.'
                            % (entry.name, rules['low'], rules['high'], value))
    if entry.type is str and (_CONTROL_CHARACTERS.search(value) or not value and not rules['may_be_empty']):
        raise SettingsError('setting-text', '%s must be text without control characters%s, not %r.'
                            % (entry.name, '' if rules['may_be_empty'] else ' and not empty', value))
    if rules['parse'] and value:
        rules['parse'](value)
    return value


def load_settings(path: Optional[str] = None, **overrides: Any) -> Settings:
    """The settings of a file, with what was changed at the station and then the command line's on top.

    Args:
        path: a TOML file; None for the defaults.
        **overrides: settings by name; None means not given.

    Raises:
        ThermoscreenError: of an override, as of `Settings`; of a file a `SettingsError` with its line and a remedy.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    return replace(settings_of(read_sources(path, given)), **given)


def changes_path(exams_folder: str) -> str:
    """The file of what supervisors changed at a station that keeps exams, beside their folder, where it may write.

    The settings file is root's, so that a station that somebody has taken over cannot open itself to other machines.
    """
    return os.path.abspath(exams_folder) + '.settings.toml'


def read_sources(path: Optional[str], given: Dict[str, Any]) -> List[Source]:
    """The settings file, and the file of what was changed at the station where there is one.

    Args:
        path: as of `load_settings`.
        given: of the command line; what it replaces is not looked at.

    Raises:
        SettingsError: as of `load_settings`, for what is wrong by itself.
    """
    sources = [] if path is None else [parse_source(path, _read(path), given)]
    folder = given.get('exams_folder', sources[0].values.get('exams_folder') if sources else '')
    if folder and os.path.lexists(changes_path(folder)):
        sources.append(parse_source(changes_path(folder), _read(changes_path(folder)), given, FIXED))
    return sources


def settings_of(sources: Sequence[Source]) -> Settings:
    """The settings of files.

    Raises:
        SettingsError: they contradict each other; with the line that is nearest to the command line.
    """
    try:
        return Settings(**{name: value for source in sources for name, value in source.values.items()})
    except SettingsError as error:  # every value is right by itself
        path, text, name = next(
            (source.path, source.text, name) for source in reversed(sources) for name in source.values
            if re.search(r'\b%s\b' % name, error.message.sentence))
        section = next(section for section, entries in SECTIONS.items() if name in entries)
        raise _at(path, _line(text, section, name), error) from None


def parse_source(path: str, text: str, overridden: Container[str] = (), fixed: Container[str] = ()) -> Source:
    """A file of settings.

    Args:
        path: its name in sentences.
        text: what it says.
        overridden: names whose values are not looked at.
        fixed: names that may not be in it.

    Raises:
        SettingsError: with the line and a remedy.
    """
    values: Dict[str, Any] = {}
    for section, body in _parse(text, path).items():
        if section not in SECTIONS or not isinstance(body, dict):
            raise _at(path, _line(text, section), SettingsError(
                'setting-unknown', 'there is no section [%s].' % section, did_you_mean(section, SECTIONS)
                or 'The sections are %s.' % ', '.join(sorted(SECTIONS))))
        for name, value in body.items():
            entry, line = SECTIONS[section].get(name), _line(text, section, name)
            if entry is None:
                raise _at(path, line, SettingsError(
                    'setting-unknown', '[%s] has no setting %s.' % (section, name), _place_of(section, name)))
            if name in fixed:
                raise _at(path, line, SettingsError('setting-fixed', '%s is set in the settings file alone.' % name,
                                                    'Remove the line.'))
            if name in overridden:
                continue
            try:
                values[name] = checked(entry, value)
            except ThermoscreenError as error:
                raise _at(path, line, error) from None
    return Source(path, text, values)


def _place_of(section: str, name: str) -> str:
    """Where a setting that is not in a section may be meant to be."""
    elsewhere = [other for other, entries in SECTIONS.items() if name in entries]
    if elsewhere:
        return 'It belongs into [%s].' % elsewhere[0]
    return did_you_mean(name, SECTIONS[section]) or 'It has %s.' % ', '.join(SECTIONS[section])


def _read(path: str) -> str:
    try:
        with open(path, 'rb') as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise SettingsError('settings-unreadable', '%s is too large to be a settings file.' % path)
        return data.decode('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError('settings-unreadable', '%s cannot be read as a settings file.' % path,
                            'Check its path and rights.', detail=str(error))


def _parse(text: str, path: str) -> Dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError('settings-syntax', '%s is not valid TOML: %s.' % (path, str(error).rstrip('.')),
                            'Correct the file.')


def _at(path: str, line: int, error: ThermoscreenError) -> SettingsError:
    """An error with its file and line, and a remedy."""
    sentence = '%s, line %d: %s' % (path, line, error.message.sentence)
    return SettingsError(error.code, sentence, error.message.next_step or 'Correct the line, or remove it to use the '
                         'default.', error.detail)


def _line(text: str, section: str, key: str = '') -> int:
    """Line number of a section or of a key in it, 1-based; TOML parsers keep none."""
    lines = text.splitlines()
    start = _first_match(r'\s*\[*\s*"?%s"?\s*[\]=.]' % re.escape(section), lines, 1) or 1
    if not key:
        return start
    return _first_match(r'\s*("?%s"?\s*\.\s*)?"?%s"?\s*=' % (re.escape(section), re.escape(key)), lines,
                        start) or start


def _first_match(pattern: str, lines: Sequence[str], start: int) -> int:
    """Number of the first line from `start` on that begins with a pattern; 0 for none."""
    return next((number for number, line in enumerate(lines, 1) if number >= start and re.match(pattern, line)), 0)


def document_keys() -> str:
    """Every key as a Markdown page, one table per section: docs/settings.md."""
    lines: List[str] = ['# Settings', '', 'One TOML file, given with `--settings FILE`. This page is made by '
                        '`thermoscreen settings --reference`.', '', 'Settings without † are changed by supervisors '
                        'on the page of the station too (Status, Settings). What they change is kept',
                        'in `EXAMS_FOLDER.settings.toml` beside the exams. It comes before the settings file and holds '
                        'from the next start on; every verb', 'that is given the settings file reads it too.']
    for section, entries in SECTIONS.items():
        lines += ['', '## [%s]' % section, '', '| setting | type | default | allowed | meaning |',
                  '| --- | --- | --- | --- | --- |']
        lines += ['| `%s` | %s | `%s` | %s | %s%s |' % (
            entry.name, _TYPE_NAMES[entry.type], default_text(entry), allowed_text(entry), entry.metadata['sentence'],
            ' †' if entry.name in FIXED else '') for entry in entries.values()]
    return '\n'.join(lines) + '\n'


def default_text(entry: 'Field[Any]') -> str:
    """The default as TOML writes it."""
    if entry.default == SHIPPED_BUNDLE:
        return 'service/bundles/' + os.path.basename(SHIPPED_BUNDLE)
    if entry.type is bool:
        return str(entry.default).lower()
    return str(entry.default) if entry.default != '' else '""'


def allowed_text(entry: 'Field[Any]') -> str:
    """Which values a key may have; empty for a text."""
    rules = entry.metadata
    if rules['choices']:
        return ', '.join(rules['choices'])
    if rules['low'] is not None:
        return ('%.10g to %.10g %s' % (rules['low'], rules['high'], rules['unit'])).rstrip()
    return ''
