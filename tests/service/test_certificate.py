"""The certificate for other machines: made, renewed with the same key, read, and told about."""
import contextlib
import datetime
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from service import certificate
from service.certificate import (
    RENEW_DAYS,
    VALID_DAYS,
    certificate_message,
    make_certificate,
    parse_names,
    read_certificate,
    renewed,
    tls_context,
)
from service.messages import OK, PROBLEM, WARNING, ThermoscreenError

NOW = datetime.datetime(2026, 11, 29)
NAMES = ['thermo3.example.org', '10.1.2.3', 'fd00::3']


def days(number):
    return NOW + datetime.timedelta(days=number)


@pytest.fixture
def pair(tmp_path):
    """Paths of a certificate and its key, made now."""
    paths = str(tmp_path / 'tls' / 'station.crt'), str(tmp_path / 'tls' / 'station.key')
    make_certificate(*paths, names=NAMES, now=NOW)
    return paths


def test_it_is_for_its_names_and_only_its_owner_reads_the_key(pair):
    found = read_certificate(pair[0])
    assert (found.names, found.own) == (tuple(NAMES), True)
    assert (found.begins, found.ends) == (days(-1), days(VALID_DAYS - 1))
    assert stat.S_IMODE(os.stat(pair[1]).st_mode) == 0o600


def test_both_ends_of_a_line_may_show_it(pair):
    """As a server of other machines, and as a client of an archive that trusts it."""
    make_certificate(*pair, names=NAMES, now=certificate.utc_now())
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pair[0])
    client = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=pair[0])
    server.verify_mode = ssl.CERT_REQUIRED
    sent, answered = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = []
    for context, read, write, side in ((client, answered, sent, False), (server, sent, answered, True)):
        context.load_cert_chain(*pair)
        ends.append(context.wrap_bio(read, write, side, None if side else NAMES[0]))
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert ends[1].getpeercert(True) == ends[0].getpeercert(True)
    assert ssl.DER_cert_to_PEM_cert(ends[1].getpeercert(True)) == Path(pair[0]).read_text()


def test_renewing_keeps_the_pin_and_changes_the_fingerprint(pair):
    before, key = read_certificate(pair[0]), Path(pair[1]).read_bytes()
    assert not renewed(*pair, now=days(VALID_DAYS - RENEW_DAYS - 2))
    assert read_certificate(pair[0]) == before
    assert renewed(*pair, now=days(VALID_DAYS - RENEW_DAYS))
    after = read_certificate(pair[0])
    assert (after.pin, after.names) == (before.pin, before.names) and after.fingerprint != before.fingerprint
    assert after.ends == days(2 * VALID_DAYS - RENEW_DAYS - 1)
    assert Path(pair[1]).read_bytes() == key


def test_the_pin_is_what_openssl_makes_of_the_key(pair):
    command = ('openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | '
               'openssl base64' % pair[0])
    process = subprocess.run(['sh', '-c', command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if process.stderr or not process.stdout:
        pytest.skip('openssl is not here: %r' % process.stderr)
    assert process.stdout.decode('ascii').strip() == read_certificate(pair[0]).pin


def test_another_s_certificate_is_read_and_never_renewed(pair, monkeypatch):
    monkeypatch.setattr(certificate, '_ORGANISATION', 'a hospital')
    os.remove(pair[0])
    make_certificate(*pair, names=NAMES, now=NOW)
    monkeypatch.undo()
    assert not read_certificate(pair[0]).own
    assert not renewed(*pair, now=days(VALID_DAYS))
    with pytest.raises(ThermoscreenError) as raised:
        make_certificate(*pair, names=NAMES, now=NOW)
    assert raised.value.code == 'certificate-foreign'


def test_no_certificate_is_made_in_1970(tmp_path):
    paths = str(tmp_path / 'a.crt'), str(tmp_path / 'a.key')
    with pytest.raises(ThermoscreenError) as raised:
        make_certificate(*paths, names=NAMES, now=datetime.datetime(1970, 1, 1))
    assert raised.value.code == 'date-impossible' and not os.listdir(str(tmp_path))


@pytest.mark.parametrize('now, code, severity', [
    (days(1), 'certificate-ok', OK), (days(-2), 'certificate-early', WARNING),
    (days(VALID_DAYS - 20), 'certificate-ends', WARNING), (days(VALID_DAYS), 'certificate-ended', PROBLEM)])
def test_message_says_how_long_it_lasts(pair, now, code, severity):
    message = certificate_message(*pair, now=now)
    assert (message.code, message.severity) == (code, severity)
    found = read_certificate(pair[0])
    assert (message.facts['sha256'], message.facts['pin']) == (found.fingerprint, found.pin)


def test_message_says_what_cannot_be_used(pair, tmp_path):
    os.chmod(pair[1], 0o640)
    assert certificate_message(*pair, now=NOW).code == 'certificate-exposed'
    os.chmod(pair[1], 0o600)
    other = str(tmp_path / 'other.key')
    make_certificate(str(tmp_path / 'other.crt'), other, NAMES, NOW)
    assert certificate_message(pair[0], other, NOW).code == 'certificate-key'
    assert certificate_message(str(tmp_path / 'none'), pair[1], NOW).code == 'certificate-missing'
    with open(pair[0], 'w') as stream:
        stream.write('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    assert certificate_message(*pair, now=NOW).code == 'certificate-unreadable'


def test_a_key_with_a_password_asks_nobody(pair):
    """OpenSSL itself would ask at the terminal, and a service would hang there."""
    from cryptography.hazmat.primitives import serialization
    with open(pair[1], 'rb') as stream:
        key = serialization.load_pem_private_key(stream.read(), None)
    with open(pair[1], 'wb') as stream:
        stream.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.BestAvailableEncryption(b'secret')))
    with pytest.raises(ThermoscreenError) as raised:
        tls_context(*pair)
    assert raised.value.code == 'certificate-key'


def test_tls_is_new_enough(pair):
    context = tls_context(*pair)
    if sys.version_info >= (3, 7):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    else:
        old = ssl.OP_NO_SSLv3 | ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
        assert context.options & old == old
    names = [cipher['name'] for cipher in context.get_ciphers()]
    assert names and all(name.startswith(('ECDHE-', 'TLS_')) for name in names)


@pytest.mark.parametrize('text', ['localhost', 'a.localhost', '127.0.0.1', '::1', '0.0.0.0', 'a b', '<script>', 'a..b',
                                  '-a', 'a,127.0.0.2', 'x' * 64, 'ü.example', 'a:8443', 'a/b'])
def test_what_is_no_name_of_a_station(text):
    with pytest.raises(ThermoscreenError) as raised:
        parse_names(text)
    assert raised.value.code == 'station-name'


def test_names_are_in_lower_case():
    assert parse_names(' Thermo3.Example.ORG , 10.1.2.3,fd00::3,') == NAMES
