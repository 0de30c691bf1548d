"""The hospital as a station knows it: its own names, the machines that it talks to, and what it sends them.

`service.settings.Settings.site` makes a `Site` of the section [hospital]. This module imports nothing heavy: the
settings check their values with it.
"""
import re
from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from ..certificate import is_host
from ..messages import SettingsError, did_you_mean

#: What may be sent of an exam: temperatures, a dynamic series, the picture as it is shown, the table of regions, the
#: report, the regions themselves, and temperatures as numbers with a decimal point.
OBJECTS = ('temperature', 'series', 'picture', 'measurements', 'report', 'regions', 'map')

#: In which unit the main objects store temperatures.
HUNDREDTHS, CELSIUS = UNITS = ('hundredths', 'celsius')

#: Sizes of the paper of reports.
PAPERS = ('a4', 'letter')

#: An application entity title as [DICOM] PS3.5, 6.2 has it: no backslash and no control character.
_TITLE = re.compile(r'[ -\[\]-~]{1,16}\Z')


class Tls(NamedTuple):
    """The files of mutual TLS, in PEM.

    Attributes:
        certificate, key: of the station.
        trusted: certificates of the authorities whose certificates the hospital's machines have.
    """

    certificate: str
    key: str
    trusted: str


@dataclass(frozen=True)
class Peer:
    """A machine of the hospital that speaks DICOM.

    Attributes:
        host, port: where it listens.
        called, calling: its application entity title, and that of the station.
        tls: None where what is sent is not encrypted.
    """

    host: str
    port: int
    called: str
    calling: str
    tls: Optional[Tls] = None


@dataclass(frozen=True)
class Site:
    """What the settings say of the hospital.

    Attributes:
        title: application entity title of the station.
        archive: where exams are sent; None: nothing is ever sent there.
        worklist: who is asked which patients are scheduled; None for nobody.
        mpps: who is told what becomes of a scheduled step; None for nobody.
        tls: of every connection with them, also of those that they open; None for none.
        listener_port: where the archive reports what it has committed to keep; 0: on the station's connections alone.
        worklist_modality: modality of the steps that are asked for; empty for any.
        institution, department, station_name: as they stand in what is sent.
        objects: of `OBJECTS`: what is sent of an exam.
        unit: one of `UNITS`.
        delete_days: days after an exam was committed for which it stays on the station; 0: it stays.
        fhir_url: base address of the FHIR server that reports are sent to; empty for none.
        paper: of `PAPERS`, of reports.
        language: of reports, one of `service.languages.LANGUAGES`.
        fhir_patient_system: of the numbers of patients there, as a URI.
        fhir_token: file of the token that lets the station in; empty for none.
        fhir_trusted: certificates of the authorities that sign that of the server; empty for those of the system.
    """

    title: str = 'THERMOSCREEN'
    archive: Optional[Peer] = None
    worklist: Optional[Peer] = None
    mpps: Optional[Peer] = None
    tls: Optional[Tls] = None
    listener_port: int = 11112
    worklist_modality: str = 'TG'
    institution: str = ''
    department: str = ''
    station_name: str = ''
    objects: Tuple[str, ...] = ('temperature', 'series', 'picture', 'measurements', 'report')
    unit: str = HUNDREDTHS
    delete_days: int = 0
    fhir_url: str = ''
    paper: str = 'a4'
    language: str = 'en'
    fhir_patient_system: str = ''
    fhir_token: str = ''
    fhir_trusted: str = ''


def parse_title(text: str) -> str:
    """An application entity title.

    Raises:
        SettingsError: ``hospital-title``.
    """
    if not _TITLE.match(text) or text != text.strip():
        raise SettingsError('hospital-title', '%r is no AE title.' % text, 'Give 1 to 16 letters, digits, spaces or '
                            'signs of ASCII, without a backslash and without a space at either end.')
    return text


def parse_host(text: str) -> str:
    """The name or address of a machine.

    Raises:
        SettingsError: ``hospital-host``.
    """
    if not is_host(text):
        raise SettingsError('hospital-host', '%r is no name or address of a machine.' % text,
                            'Give such as pacs.example.org or 192.0.2.10; the port has a setting of its own.')
    return text


def parse_objects(text: str) -> Tuple[str, ...]:
    """The objects of a list with commas, in the order of `OBJECTS`.

    Raises:
        SettingsError: ``hospital-objects``.
    """
    names = [name.strip() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in OBJECTS:
            raise SettingsError('hospital-objects', 'There is no object %r.' % name, did_you_mean(name, OBJECTS)
                                or 'Choose of %s.' % ', '.join(OBJECTS))
    if not names:
        raise SettingsError('hospital-objects', 'No object is given.', 'Choose of %s.' % ', '.join(OBJECTS))
    return tuple(name for name in OBJECTS if name in names)


def parse_modality(text: str) -> str:
    """A modality as the worklist has it.

    Raises:
        SettingsError: ``hospital-modality``.
    """
    if not re.match(r'[A-Z0-9_]{1,16}\Z', text):
        raise SettingsError('hospital-modality', '%r is no modality.' % text, 'Give such as TG, or leave it empty.')
    return text


def parse_text(text: str) -> str:
    """A name that stands in DICOM objects: a long string of 64 characters at most.

    Raises:
        SettingsError: ``hospital-text``.
    """
    if len(text) > 64 or '\\' in text or text != text.strip():
        raise SettingsError('hospital-text', '%r cannot stand in a DICOM object.' % text, 'Give at most 64 characters, '
                            'without a backslash and without a space at either end.')
    return text


def parse_station(text: str) -> str:
    """The name of a station in DICOM objects: a short string of 16 characters at most.

    Raises:
        SettingsError: ``hospital-text``.
    """
    if len(text) > 16:
        raise SettingsError('hospital-text', '%r is longer than the 16 characters of a station name.' % text,
                            'Give a shorter one.')
    return parse_text(text)


def parse_url(text: str) -> str:
    """The base address of a FHIR server, without a slash at its end.

    Raises:
        SettingsError: ``hospital-url``.
    """
    try:
        parts = urlsplit(text)
        wrong = (parts.scheme not in ('https', 'http') or not is_host(parts.hostname or '') or parts.query
                 or parts.fragment or parts.username is not None or parts.port == 0 or re.search(r'\s', text))
    except ValueError:  # a port that is none
        wrong = True
    if wrong:
        raise SettingsError('hospital-url', '%r is no address of a FHIR server.' % text,
                            'Give such as https://record.example.org/fhir.')
    return text.rstrip('/')


def parse_system(text: str) -> str:
    """The URI of a system of numbers.

    Raises:
        SettingsError: ``hospital-url``.
    """
    if not re.match(r'(urn:[a-z0-9]+:|https?://)[!-{}~]+\Z', text):
        raise SettingsError('hospital-url', '%r is no URI of a system of numbers.' % text,
                            'Give such as urn:oid:2.16.840.1.113883.4.1 or https://example.org/patients.')
    return text
