"""Fetching a bundle from a folder of an HTTPS server, or of a stick, in as many attempts as the line needs.

First come the manifest and its signature: what no trusted key has signed costs nobody the rest. The manifest then says
by its hash which bytes of every other file are wanted, so that a file that is complete is kept, one that was cut off
goes on where it ended ([RFC9110], Range and If-Range), and one that was exchanged meanwhile is noticed.
"""
import contextlib
import fcntl
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import ssl
import urllib.error
import urllib.request
from dataclasses import replace
from typing import IO, Any, Iterator, NamedTuple, Optional, Tuple, Union, cast
from urllib.parse import quote, unquote, urlsplit

from .. import __version__
from ..durable import atomic_write_json, make_folders, move, replace_folder, storage_error, sync_folder
from ..messages import BundleError, InputError, StorageError, shown_size
from ..readers.files import open_regular
from ..storage import Disks, Thresholds
from .archive import MAX_BYTES
from .install import require_bundle
from .load import MAX_FILE_BYTES, Bundle, open_bundle
from .manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, check_manifest, read_manifest_bytes
from .signature import MAX_SIGNATURE_BYTES, SIGNATURE_NAME, Trust

#: A server that says nothing for so long is given up.
SILENT_S = 30.0

#: The file that is being fetched, and what is known of it. No file of a bundle begins with a dot.
_PARTIAL, _STATE = '.partial', '.partial.json'

_CHUNK_BYTES = 1 << 16
_RANGE = re.compile(r'bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})\Z')
_GOES_ON = 'Run the same command again; what was fetched is kept, and it goes on from there.'


class Fetched(NamedTuple):
    """A bundle that was fetched.

    Attributes:
        bundle: in its folder, verified.
        fetched_bytes: that came over the line this time; 0 where it was there already.
        kept_bytes: that were there from earlier attempts.
    """

    bundle: Bundle
    fetched_bytes: int
    kept_bytes: int


class _Answer(NamedTuple):
    """The rest of a file.

    Attributes:
        stream: its bytes from `start` on.
        size: of the whole file; None where nobody says.
        validator: what changes with the file, for the next attempt; empty for none.
    """

    stream: Union[io.BufferedReader, http.client.HTTPResponse]
    start: int
    size: Optional[int]
    validator: str


def fetch_bundle(url: str, folder: str, trust: Trust, authorities: Optional[str] = None) -> Fetched:
    """Fetch a bundle into a folder that appears, or is replaced, once the bundle is complete and verified.

    What an attempt got that ended early lies in a hidden folder beside it, for the next one. Only a full disk removes
    it, since exams need the room.

    Args:
        url: ``https://`` or ``file://`` address of the folder that holds the manifest.
        folder: where it goes; another bundle may be there.
        trust: whose bundles are accepted.
        authorities: file of certificates (PEM) that sign those of servers, in place of the system's.
    Raises:
        InputError: ``fetch-url``; ``fetch-missing``, ``fetch-refused`` or ``fetch-server`` by the server's answer;
            ``fetch-certificate``, ``fetch-unreachable``; ``fetch-cut`` for a line that ended.
        BundleError: ``fetch-changed`` for a file that is not the one of the manifest; as `open_bundle`.
        StorageError: ``fetch-busy``, ``not-a-bundle``; the codes of `service.durable`.
    """
    url, folder = url.rstrip('/'), os.path.abspath(folder)
    source = _source(url, authorities)
    require_bundle(folder)
    parent, name = os.path.split(folder)
    staging = os.path.join(parent, '.%s.fetching' % name)
    try:
        try:
            make_folders(staging)
            with _alone(staging):
                return _fetch(source, url, folder, staging, trust)
        except OSError as error:
            raise storage_error(error, folder)
    except StorageError as error:
        if error.code == 'disk-full':
            shutil.rmtree(staging, ignore_errors=True)
        raise
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(staging)  # where nothing came


def _fetch(source: '_Source', url: str, folder: str, staging: str, trust: Trust) -> Fetched:
    manifest = _small(source, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    if manifest is None:
        raise InputError('fetch-missing', 'There is no %s in %s.' % (MANIFEST_NAME, url),
                         'Give the address of the folder that holds it.')
    with contextlib.suppress(BundleError):
        if read_manifest_bytes(folder) == manifest:
            return Fetched(open_bundle(folder, trust=trust), 0, 0)
    signature = _small(source, SIGNATURE_NAME, MAX_SIGNATURE_BYTES)
    _write(staging, MANIFEST_NAME, manifest)
    _write(staging, SIGNATURE_NAME, signature)
    try:
        trust.check(staging, manifest)
        listed = check_manifest(manifest, staging)['files']
    except BundleError as error:  # of the address, which somebody knows
        for entry in (MANIFEST_NAME, SIGNATURE_NAME):
            _write(staging, entry, None)
        error.message = replace(error.message, sentence=error.message.sentence.replace(staging, url))
        raise
    for entry in set(os.listdir(staging)) - set(listed) - {MANIFEST_NAME, SIGNATURE_NAME, _PARTIAL, _STATE}:
        os.unlink(os.path.join(staging, entry))
    fetched, kept = len(manifest) + len(signature or b''), 0
    for entry in sorted(listed):
        came, there = _fetch_file(source, entry, listed[entry], staging, MAX_BYTES - fetched - kept)
        fetched, kept = fetched + came, kept + there
    for entry in (_PARTIAL, _STATE):
        _write(staging, entry, None)
    open_bundle(staging, trust=trust)
    sync_folder(staging)
    replace_folder(staging, folder)
    return Fetched(open_bundle(folder, trust=trust), fetched, kept)


def _fetch_file(source: '_Source', name: str, sha256: str, staging: str, most_bytes: int) -> Tuple[int, int]:
    """Have one file of the manifest in `staging`; how many bytes of it came now, and how many were there."""
    path, partial = os.path.join(staging, name), os.path.join(staging, _PARTIAL)
    if os.path.exists(path):
        with open(path, 'rb') as stream:
            digest, there = _digest(stream)
        if digest.hexdigest() == sha256:
            return 0, there
        os.unlink(path)
    validator = _validator(staging, sha256)
    if validator is None:
        _write(staging, _PARTIAL, None)
    while True:
        with open(partial, 'ab+') as stream:
            stream.seek(0)
            digest, there = _digest(stream)
            came = 0
            if digest.hexdigest() != sha256:
                answer = source.open(name, there, validator or '')
                if answer is None:
                    raise InputError('fetch-missing', '%s of the manifest is not in %s.' % (name, source.url),
                                     'Tell whoever keeps it; the folder must hold the whole bundle.')
                if not answer.start:
                    stream.truncate(0)
                    digest, there = hashlib.sha256(), 0
                came = _take(source, name, sha256, answer, stream, digest, min(most_bytes, MAX_FILE_BYTES))
        if digest.hexdigest() == sha256:
            move(partial, path)
            return came, there
        _write(staging, _PARTIAL, None)
        if not there:
            raise BundleError('fetch-changed', '%s in %s is not the file that the manifest was made with.'
                              % (name, source.url), 'It is being exchanged, or damaged: try again in a minute, then '
                              'tell whoever keeps it.')
        validator = None  # what was kept was of another file


def _take(source: '_Source', name: str, sha256: str, answer: _Answer, stream: IO[bytes], digest: Any, most: int) -> int:
    """Add the bytes of an answer to a file and its digest; how many there were."""
    came = 0
    with contextlib.closing(answer.stream):
        if (answer.size or 0) > most:
            raise _large(source, name)
        _check_room(os.path.dirname(stream.name), (answer.size or 0) - answer.start)
        atomic_write_json(os.path.join(os.path.dirname(stream.name), _STATE),
                          {'sha256': sha256, 'validator': answer.validator})
        for chunk in _chunks(source, name, answer):
            came += len(chunk)
            if answer.start + came > most:
                raise _large(source, name)
            stream.write(chunk)
            digest.update(chunk)
    return came


def _chunks(source: '_Source', name: str, answer: _Answer) -> Iterator[bytes]:
    """The bytes of an answer; a line that ends before the file does is told."""
    size = answer.start
    while True:
        try:
            chunk = answer.stream.read1(_CHUNK_BYTES)  # what has come is kept, whatever happens then
        except (OSError, http.client.HTTPException) as error:
            raise _cut(source, name, size, repr(error))
        if not chunk:
            break
        size += len(chunk)
        yield chunk
    if answer.size is not None and size < answer.size:
        raise _cut(source, name, size, 'of %d bytes' % answer.size)


def _cut(source: '_Source', name: str, size: int, detail: str) -> InputError:
    return InputError('fetch-cut', '%s ended after %s of %s.' % (source.line, shown_size(size), name), _GOES_ON, detail)


def _large(source: '_Source', name: str) -> BundleError:
    return BundleError('bundle-file-large', '%s in %s has more bytes than the device takes.' % (name, source.url),
                       'Tell whoever keeps it.')


def _check_room(folder: str, need_bytes: int) -> None:
    """Refuse what would leave less room than an exam must have."""
    least = Thresholds().room_least_mib << 20
    if Disks().room(folder).free_bytes - need_bytes < least:
        raise StorageError('disk-full', 'The bundle was not fetched: it would leave less than %s for exams.'
                           % shown_size(least), 'Make room, and try again.')


def _digest(stream: IO[bytes]) -> Tuple[Any, int]:
    """SHA-256 of a file from here to its end, and the number of its bytes."""
    digest, size = hashlib.sha256(), 0
    for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b''):
        digest.update(chunk)
        size += len(chunk)
    return digest, size


def _validator(staging: str, sha256: str) -> Optional[str]:
    """What was noted of the file that is half here; None where that is another one."""
    try:
        with open(os.path.join(staging, _STATE), 'rb') as stream:
            state = json.loads(stream.read(_CHUNK_BYTES).decode('utf-8'))
        return str(state['validator']) if state['sha256'] == sha256 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _small(source: '_Source', name: str, most: int) -> Optional[bytes]:
    """A file as a whole; None where there is none."""
    answer = source.open(name, 0, '')
    if answer is None:
        return None
    data = b''
    with contextlib.closing(answer.stream):
        for chunk in _chunks(source, name, answer):
            data += chunk
            if len(data) > most:
                raise _large(source, name)
    return data


def _write(folder: str, name: str, data: Optional[bytes]) -> None:
    """Write a file, which the end of the fetching makes durable; None removes it."""
    path = os.path.join(folder, name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if data is not None:
        with open(path, 'xb') as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Let one process at a time fetch into a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError('fetch-busy', 'Another process is fetching the bundle.', 'Wait until it has ended.')
        yield
    finally:
        os.close(descriptor)


class _Folder:
    """A folder of this machine, on a stick for example."""

    line = 'The copy from the folder'

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = unquote(urlsplit(url).path)

    def open(self, name: str, start: int, validator: str) -> Optional[_Answer]:
        """The rest of a file from `start` on, or the whole where it changed since; None where there is none."""
        try:
            stream = open_regular(os.path.join(self._path, name), os.O_NOFOLLOW)
            found = os.fstat(stream.fileno())
            now = '%d-%d' % (found.st_mtime_ns, found.st_size)
            stream.seek(start if validator == now else 0)
            return _Answer(cast(io.BufferedReader, stream), stream.tell(), found.st_size, now)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise InputError('fetch-refused', '%s in %s cannot be read: %s.'
                             % (name, self.url, getattr(error, 'strerror', error)),
                             'Check the medium and the rights of the file.', detail=repr(error))


class _Server:
    """A folder of an HTTPS server."""

    line = 'The connection'

    def __init__(self, url: str, authorities: Optional[str]) -> None:
        self.url = url
        self._host = urlsplit(url).hostname
        try:
            context = ssl.create_default_context(cafile=authorities)
        except (OSError, ValueError) as error:
            raise InputError('fetch-authorities', '%s cannot be read as certificates (PEM).' % authorities,
                             'Name the file of the authority that signs the certificate of the server.',
                             detail=repr(error))
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())
        self._opener.addheaders = [('User-Agent', 'thermoscreen/' + __version__)]

    def open(self, name: str, start: int, validator: str) -> Optional[_Answer]:
        """The rest of a file from `start` on, or the whole where the server gives that; None where there is none."""
        request = urllib.request.Request('%s/%s' % (self.url, quote(name)))
        if start:
            request.add_header('Range', 'bytes=%d-' % start)
            if validator:
                request.add_header('If-Range', validator)
        try:
            response = self._opener.open(request, timeout=SILENT_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and start:  # it is shorter than what is here
                return self.open(name, 0, '')
            if error.code in (404, 410):
                return None
            raise self._refusal(name, error.code)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(getattr(error, 'reason', error))
        found = _RANGE.match(response.headers.get('Content-Range', ''))
        if response.status == 206 and (not found or int(found.group(1)) != start):
            response.close()
            raise self._refusal(name, response.status)
        length = response.headers.get('Content-Length', '')
        size = int(found.group(2)) if found else int(length) if re.match('[0-9]{1,18}\\Z', length) else None
        etag = response.headers.get('ETag', '')
        # A weak one does not say that every byte is the same.
        known = etag if etag.startswith('"') else response.headers.get('Last-Modified', '')
        return _Answer(response, start if response.status == 206 else 0, size, known)

    def _refusal(self, name: str, status: int) -> InputError:
        if status >= 500:
            return InputError('fetch-server', 'The server %s cannot give %s now (%d).' % (self._host, name, status),
                              _GOES_ON)
        return InputError('fetch-refused', 'The server %s does not give %s (%d).' % (self._host, name, status),
                          'Ask whoever keeps it: a folder of files that everybody may read is needed, at this address '
                          'and no other.')

    def _failure(self, reason: Any) -> InputError:
        if isinstance(reason, ssl.CertificateError) or 'CERTIFICATE_VERIFY_FAILED' in str(reason):
            why = getattr(reason, 'verify_message', '') or str(reason)
            return InputError('fetch-certificate', 'The certificate of %s is not accepted: %s.'
                              % (self._host, why.rstrip('.')), 'Check the date of this machine and the name in the '
                              'address; --ca names the certificate of an authority of your own.', detail=repr(reason))
        return InputError('fetch-unreachable', '%s cannot be reached: %s.'
                          % (self._host, getattr(reason, 'strerror', None) or reason), 'Check the address and the '
                          'network. ' + _GOES_ON, detail=repr(reason))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses to be led to another address, which might be another server or have no TLS."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None, so that the answer counts as a refusal."""


_Source = Union[_Folder, _Server]


def _source(url: str, authorities: Optional[str]) -> _Source:
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for one that is no number
    except ValueError:
        parts, port = urlsplit(''), None
    plain = not (parts.query or parts.fragment or parts.username or parts.path.endswith('.zip'))
    if parts.scheme == 'https' and parts.hostname and plain and port != 0 and url.isprintable() and ' ' not in url:
        return _Server(url, authorities)
    if parts.scheme == 'file' and parts.netloc in ('', 'localhost') and plain:
        return _Folder(url)
    raise InputError('fetch-url', '%s is not the address of a folder that bundles are fetched from.' % url,
                     'Give https://SERVER/FOLDER or file:///FOLDER; an archive is unpacked there first.')
