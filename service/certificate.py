"""The certificate with which other machines may open the page: the station's own, or one that a hospital gave it.

The station's own one is signed by its own key. Who trusts the key, by its pin, trusts every later certificate of it:
renewing keeps the key. A board without a battery may start in 1970, so nothing is made with a date that cannot be.
"""
import base64
import datetime
import hashlib
import ipaddress
import os
import re
import ssl
import stat
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from .durable import atomic_write, make_folders, write_new
from .messages import OK, PROBLEM, WARNING, InputError, Message, SettingsError, ThermoscreenError
from .sealing import importing_cryptography

#: How long a certificate of ours is valid: the longest that Apple's systems take. It is renewed `RENEW_DAYS` before.
VALID_DAYS, RENEW_DAYS = 825, 60
#: From here on somebody is told.
WARN_DAYS = 30
#: This program is younger than any earlier date, so a clock that shows one is wrong.
_EARLIEST = datetime.datetime(2025, 1, 1)
_DAY = datetime.timedelta(days=1)
_MAX_BYTES = 256 * 1024
#: In the subject of ours, by which it is known again.
_ORGANISATION = 'thermoscreen'
_NAME = re.compile(r'(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z')

_AGAIN = 'thermoscreen certificate make makes one.'


class Certificate(NamedTuple):
    """What a certificate says.

    Attributes:
        names: and addresses that it is for.
        begins, ends: in UTC, without a time zone.
        fingerprint: SHA-256 of it, 64 hexadecimal digits: another one after every renewal.
        pin: SHA-256 of its public key, in base64 as [RFC7469] has it: the same after a renewal.
        own: whether the station signed it itself.
    """

    names: Tuple[str, ...]
    begins: datetime.datetime
    ends: datetime.datetime
    fingerprint: str
    pin: str
    own: bool

    def days_left(self, now: datetime.datetime) -> float:
        """Days until it ends, negative afterwards."""
        return (self.ends - now) / _DAY

    def to_dict(self) -> Dict[str, Any]:
        """It as JSON values."""
        return {'names': list(self.names), 'begins': self.begins.isoformat() + 'Z', 'ends': self.ends.isoformat() + 'Z',
                'sha256': self.fingerprint, 'pin': self.pin, 'own': self.own}


def utc_now() -> datetime.datetime:
    """The date that the clock shows, in UTC, without a time zone."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def parse_names(text: str) -> List[str]:
    """The names and addresses in a list with commas, in lower case.

    Raises:
        SettingsError: ``station-name``.
    """
    names = [name.strip().lower() for name in text.split(',') if name.strip()]
    for name in names:
        if not is_host(name):
            raise SettingsError('station-name', '%r is no name or address of a station.' % name, 'Give names such as '
                                'thermo3.example.org, with commas between them.')
        if is_loopback(name):
            raise SettingsError('station-name', '%s is what every machine calls itself.' % name,
                                'Give the name under which other machines know this one.')
    return names


def is_host(name: str) -> bool:
    """Whether this is a name of a machine, or an address of IP."""
    return bool(_NAME.match(name.lower()) or is_address(name))


def is_address(name: str) -> bool:
    """Whether this is an address of IP and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether a name or address leads back to the machine that asks for it."""
    return name == 'localhost' or name.endswith('.localhost') or is_address(name) and (
        ipaddress.ip_address(name).is_loopback or ipaddress.ip_address(name).is_unspecified)


def make_certificate(path: str, key_path: str, names: Sequence[str], now: datetime.datetime) -> Certificate:
    """Make the station's own certificate, or renew it; its key stays where there is one.

    Args:
        path: of the certificate.
        key_path: of its key; only its owner may read it.
        names: that it is for, one at least.
        now: in UTC, without a time zone.

    Raises:
        InputError: ``certificate-foreign`` where somebody else signed the one that is there; ``date-impossible``.
        SettingsError: ``certificate-key`` where the key cannot be read.
        StorageError: as of `service.durable`.
    """
    if now < _EARLIEST:
        raise InputError('date-impossible', 'The clock shows %s, so that a certificate would not be valid today.'
                         % now.date(), 'Set the date first.')
    if os.path.exists(path) and not read_certificate(path).own:
        raise InputError('certificate-foreign', '%s was signed by somebody else, who also renews it.' % path,
                         'Name other files for the station\'s own, or remove it.')
    make_folders(os.path.dirname(os.path.abspath(key_path)))
    key = _key(key_path)
    atomic_write(path, _signed(key, names, now))
    return read_certificate(path)


def renewed(path: str, key_path: str, now: datetime.datetime) -> bool:
    """Renew a certificate of our own that ends soon; whether that was done.

    Raises:
        ThermoscreenError: as of `read_certificate` and `make_certificate`.
    """
    known = read_certificate(path)
    if not known.own or known.days_left(now) > RENEW_DAYS or now < _EARLIEST:
        return False
    make_certificate(path, key_path, known.names, now)
    return True


def read_certificate(path: str) -> Certificate:
    """What the first certificate of a file says.

    Raises:
        SettingsError: ``certificate-missing`` or ``certificate-unreadable``.
    """
    with importing_cryptography():
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.x509.oid import NameOID
    try:
        with open(path, 'rb') as stream:
            loaded = x509.load_pem_x509_certificate(stream.read(_MAX_BYTES))
        alternative = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple([*alternative.get_values_for_type(x509.DNSName),
                       *map(str, alternative.get_values_for_type(x509.IPAddress))])
        organisations = loaded.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        public = loaded.public_key().public_bytes(serialization.Encoding.DER,
                                                  serialization.PublicFormat.SubjectPublicKeyInfo)
        own = loaded.issuer == loaded.subject and [entry.value for entry in organisations] == [_ORGANISATION]
        return Certificate(names, _date(loaded, 'not_valid_before'), _date(loaded, 'not_valid_after'),
                           hashlib.sha256(loaded.public_bytes(serialization.Encoding.DER)).hexdigest(),
                           base64.b64encode(hashlib.sha256(public).digest()).decode('ascii'), own)
    except FileNotFoundError as error:
        raise SettingsError('certificate-missing', 'There is no certificate at %s.' % path, _AGAIN, detail=str(error))
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise SettingsError('certificate-unreadable', '%s cannot be read as a certificate with the names of the '
                            'station.' % path, 'Check the file and its rights. ' + _AGAIN, detail=repr(error))


def validity(pem: bytes) -> Tuple[datetime.datetime, datetime.datetime]:
    """From when to when the first certificate of some bytes is valid, whoever it is for; in UTC, without a time zone.

    Raises:
        ValueError: there is none.
    """
    with importing_cryptography():
        from cryptography import x509
    loaded = x509.load_pem_x509_certificate(pem)
    return _date(loaded, 'not_valid_before'), _date(loaded, 'not_valid_after')


def tls_context(path: str, key_path: str) -> ssl.SSLContext:
    """How the station speaks TLS: 1.2 or newer, and only with keys that are forgotten afterwards.

    Raises:
        SettingsError: ``certificate-key`` where key and certificate do not fit or need a password.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if hasattr(ssl, 'TLSVersion'):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:  # Python 3.6
        context.options |= ssl.OP_NO_SSLv2 | ssl.OP_NO_SSLv3 | ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    # A client could have the station do handshakes without end; Python 3.6 does not name this one.
    context.options |= getattr(ssl, 'OP_NO_RENEGOTIATION', 1 << 30) | ssl.OP_NO_COMPRESSION
    context.set_ciphers('ECDHE+AESGCM:ECDHE+CHACHA20')
    load_pair(context, path, key_path)
    return context


def load_pair(context: ssl.SSLContext, path: str, key_path: str) -> None:
    """Have the next connections see the files as they are now.

    Raises:
        SettingsError: as of `tls_context`.
    """
    try:
        context.load_cert_chain(path, key_path, lambda: '')  # without this, OpenSSL asks at the terminal
    except (OSError, ValueError) as error:
        raise SettingsError('certificate-key', 'The certificate %s and the key %s cannot be used together.'
                            % (path, key_path), 'Check both files and their rights; the key has no password.',
                            detail=repr(error))


def certificate_message(path: str, key_path: str, now: datetime.datetime) -> Message:
    """How the certificate is, for the status page and the doctor.

    Args:
        path, key_path: of certificate and key.
        now: in UTC, without a time zone.
    """
    try:
        found = read_certificate(path)
        tls_context(path, key_path)
        exposed = stat.S_IMODE(os.stat(key_path).st_mode) & 0o077
    except (ThermoscreenError, OSError) as error:
        message = error.message if isinstance(error, ThermoscreenError) else Message('certificate-key', str(error))
        return Message(message.code, message.sentence, message.next_step, PROBLEM, 'certificate')
    facts = dict(found.to_dict(), figures='SHA-256 %s, key pin %s' % (found.fingerprint, found.pin))
    if exposed:
        return Message('certificate-exposed', 'Others on this machine may read the key %s.' % key_path,
                       'Run chmod 600 on it, and have a new one made if somebody did.', PROBLEM, 'certificate', facts)
    if now < found.begins:
        return Message('certificate-early', 'By the clock of the station its certificate is not valid yet.',
                       'Check the date.', WARNING, 'certificate', facts)
    days = found.days_left(now)
    text = 'The certificate for other machines is valid until %s.' % found.ends.date()
    if days < 0:
        return Message('certificate-ended', 'The certificate for other machines ended on %s.' % found.ends.date(),
                       _renewing(found), PROBLEM, 'certificate', facts)
    if days < WARN_DAYS:
        return Message('certificate-ends', text, _renewing(found), WARNING, 'certificate', facts)
    return Message('certificate-ok', text, '', OK, 'certificate', facts)


def _renewing(found: Certificate) -> str:
    return ('thermoscreen certificate make renews it with the same key.' if found.own
            else 'Ask whoever gave it for a new one.')


def _key(path: str) -> Any:
    """The key of a file, made where there is none."""
    with importing_cryptography():
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    if not os.path.exists(path):
        made = ec.generate_private_key(ec.SECP256R1())
        write_new(path, made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()), 0o600)
    try:
        with open(path, 'rb') as stream:
            return serialization.load_pem_private_key(stream.read(_MAX_BYTES), None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError('certificate-key', 'The key %s cannot be read.' % path, 'Check its rights, or remove it '
                            'to have another one made.', detail=repr(error))


def _signed(key: Any, names: Sequence[str], now: datetime.datetime) -> bytes:
    with importing_cryptography():
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
                         x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    alternative = [x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name)
                   for name in names]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               # A day, for machines whose clock is behind.
               .not_valid_before(now - _DAY).not_valid_after(now + VALID_DAYS * _DAY - _DAY)
               .add_extension(x509.BasicConstraints(False, None), True).add_extension(usage, True)
               # The station also calls, and shows it to the archive then.
               .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH,
                                                     ExtendedKeyUsageOID.CLIENT_AUTH]), False)
               .add_extension(x509.SubjectAlternativeName(alternative), False))
    return bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _date(loaded: Any, name: str) -> datetime.datetime:
    """A date in UTC without a time zone, from any version of the library."""
    aware = getattr(loaded, name + '_utc', None)
    date: datetime.datetime = getattr(loaded, name) if aware is None else aware.replace(tzinfo=None)
    return date
