"""Kits as NVFLARE writes them, as far as this package reads them; with keys that are quick to make."""
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.timezone.utc)


class Root:
    """A root that signs certificates."""

    def __init__(self, name='breast', days=360):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), name
        self.certificate = self._sign(name, self.key, days)

    def certify(self, name, days=360, begins=0):
        """A certificate and its key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _pem(self._sign(name, key, days, begins)), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    @property
    def pem(self):
        return _pem(self.certificate)

    def _sign(self, name, key, days, begins=0):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name),
                             x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'clinic')])
        issuer = subject if key is self.key else self.certificate.subject
        return x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(
            key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(
            NOW + datetime.timedelta(days=begins)).not_valid_after(NOW + datetime.timedelta(days=days)).sign(
            self.key, hashes.SHA256())


def make_kit(folder, root, kind='site', name='north', **certificate):
    """A kit folder; returns it."""
    startup = folder / 'startup'
    startup.mkdir(parents=True)
    servers = [{'name': 'breast', 'service': {'target': 'localhost:18002', 'scheme': 'http'}}]
    file, document = {
        'site': ('fed_client.json', {'servers': servers, 'client': {'fqsn': name}}),
        'server': ('fed_server.json', {'servers': servers}),
        'lead': ('fed_admin.json', {'admin': {'username': name, 'host': 'localhost', 'port': 18003}})}[kind]
    (startup / file).write_text(json.dumps(document))
    put_certificate(folder, root, *root.certify(name, **certificate), kind=kind)
    return folder


def put_certificate(folder, root, certificate, key, kind='site'):
    stem = 'server' if kind == 'server' else 'client'
    for name, data in ((stem + '.crt', certificate), (stem + '.key', key), ('rootCA.pem', root.pem)):
        (folder / 'startup' / name).write_bytes(data)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
