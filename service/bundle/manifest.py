"""The manifest: what a bundle says of itself, checked before anything in it is used."""
import hashlib
import json
import os
from dataclasses import dataclass

import jsonschema

from ..messages import BundleError
from .consistency import check_consistency
from .plain_file import read_plain

MANIFEST_NAME = 'manifest.json'
SCHEMA_PATH = os.path.join(os.path.dirname(__file__), 'manifest.schema.json')

#: A manifest is a page of text; anything larger is not one.
MAX_MANIFEST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    Attributes:
        raw (dict): the document; its fields are described in ``manifest.schema.json``.
        sha256 (str): hash of the file's bytes. It covers every other file of the bundle, since the
            manifest holds their hashes.
    """

    raw: dict
    sha256: str

    @property
    def identity(self):
        """What a Result says ran: ``{'id', 'version', 'hash'}``."""
        return {'id': self.raw['name'], 'version': self.raw['version'], 'hash': self.sha256}

    @property
    def finding(self):
        """What the model's finding is (dict), or None where it only marks regions."""
        return self.raw.get('finding')

    @property
    def roles(self):
        """The roles of the model's outputs (tuple of str), in the order of a bundle's `outputs`."""
        return ('labels', 'confidence') + (('finding',) if self.finding else ())

    @property
    def refused(self):
        """Why the bundle must not be deployed, one line with a full stop (str); ``''`` where it may be."""
        sentence = ' '.join(self.raw.get('deployment', {}).get('refused', '').split())
        return sentence and sentence.rstrip('.') + '.'

    def is_of(self, data):
        """Whether it was read from exactly these bytes."""
        return self.sha256 == hashlib.sha256(data).hexdigest()

    def __getitem__(self, key):
        return self.raw[key]


def read_manifest(folder):
    """Read and check a bundle folder's manifest.

    Raises:
        BundleError: ``bundle-missing``, ``manifest-unreadable`` or ``manifest-invalid``.
    """
    return check_manifest(read_manifest_bytes(folder), folder)


def read_manifest_bytes(folder):
    """The bytes of a bundle folder's manifest, unchecked: what a signature is over.

    Raises:
        BundleError: ``bundle-missing``; ``bundle-file-link`` or ``bundle-file-large`` for what is no manifest.
    """
    try:
        return read_plain(os.path.join(folder, MANIFEST_NAME), MAX_MANIFEST_BYTES)
    except OSError as error:
        raise BundleError('bundle-missing', 'There is no bundle in %s: %s cannot be read. Name a bundle folder '
                          'with --bundle.' % (folder, MANIFEST_NAME), detail=str(error))


def check_manifest(data, folder):
    """The `Manifest` of a file's bytes; `folder` names it in messages.

    Raises:
        BundleError: as `parse_manifest`.
    """
    return Manifest(parse_manifest(data, os.path.join(folder, MANIFEST_NAME)), hashlib.sha256(data).hexdigest())


def parse_manifest(data, name=MANIFEST_NAME):
    """Check a manifest's bytes against the schema and return the document.

    Args:
        data (bytes): UTF-8 JSON.
        name (str): how messages call the file.
    Raises:
        BundleError: ``manifest-unreadable``; ``manifest-invalid`` for a document outside the schema or
            one that contradicts itself; ``finding-unsupported`` for a finding that is not one probability.
    """
    try:
        raw = json.loads(data.decode('utf-8'), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BundleError('manifest-unreadable', '%s is not JSON; copy the bundle again.' % name, detail=str(error))
    problem = jsonschema.exceptions.best_match(_validator().iter_errors(raw))
    if problem is not None:
        where = '.'.join(str(step) for step in problem.absolute_path) or 'the document'
        raise BundleError('manifest-invalid', '%s does not describe a bundle of this version: %s: %s.'
                          % (name, where, problem.message[:200]))
    check_consistency(raw, name)
    return raw


def _no_number(word):
    raise ValueError('%s is not a number' % word)


def _validator():
    with open(SCHEMA_PATH, encoding='utf-8') as stream:
        return jsonschema.Draft7Validator(json.load(stream))
