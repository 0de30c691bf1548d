"""The manifest: what a bundle states about itself, checked before anything in it is used."""
import difflib
import hashlib
import itertools
import json
import os
import stat
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..backends import TensorSpec
from ..messages import BundleError, InputError, did_you_mean
from ..readers.files import open_regular
from ..schema import schema_problem
from ..views import FRONTAL_VIEWS, VIEWS

MANIFEST_NAME = 'manifest.json'
SCHEMA_PATH = os.path.join(os.path.dirname(__file__), 'manifest.schema.json')

#: Bundles that come with the program.
_SHIPPED_BUNDLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'bundles')

#: Entries of a folder among which a misspelt name is looked for.
_MAX_LOOKED_AT = 1000

#: A manifest is a page of text; anything larger is not one.
MAX_MANIFEST_BYTES = 256 * 1024

#: The variant that every bundle has: its `model`.
BASE = 'fp32'

#: What each further variant promises: (precision, whether the network itself gives labels and confidence).
PROMISES = {
    'fp16': ('fp16', True),
    'int8-qdq': ('int8', True),
    'fp32-logits': ('fp32', False),
    'fp16-logits': ('fp16', False),
}

#: Outputs that not every model has, with the field of the manifest that says what each means; empty where none does.
_OPTIONAL = {'finding': 'finding', 'view': 'views', 'features': ''}

#: What a network may answer, in the order of a bundle's `outputs`.
ROLES = ('labels', 'confidence') + tuple(_OPTIONAL)

#: Output of a network without ArgMax, in place of labels and confidence.
LOGITS = 'logits'

#: Orders in which the networks of a bundle run: one that answers everything, or a classifier beside a segmenter.
JOINT, CLASSIFY_FIRST, SEGMENT_FIRST = ORDERS = ('joint', 'classify-then-segment', 'segment-then-classify')

_COPY_AGAIN = 'Copy the bundle again.'
_MAKE_AGAIN = 'Make the bundle again.'


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    Attributes:
        raw: the document; its fields are described in ``manifest.schema.json``.
        sha256: hash of the file's bytes. It covers every other file of the bundle, since the manifest holds their
            hashes.
    """

    raw: Dict[str, Any]
    sha256: str

    @property
    def identity(self) -> Dict[str, str]:
        """What a result names as the bundle: ``id``, ``version`` and ``hash``."""
        return {'id': self.raw['name'], 'version': self.raw['version'], 'hash': self.sha256}

    @property
    def finding(self) -> Optional[Dict[str, Any]]:
        """The bundle's finding, or None where it only marks regions."""
        return self.raw.get('finding')

    @property
    def views(self) -> Tuple[str, ...]:
        """The views, of `service.views.VIEWS`, whose probabilities the output ``view`` gives; empty without it."""
        return tuple(self.raw['views']['names']) if 'view' in self.raw['outputs'] else ()

    @property
    def roles(self) -> Tuple[str, ...]:
        """The roles of the model's outputs, in the order of a bundle's `outputs`."""
        return tuple(role for role in ROLES if role in self.raw['outputs'])

    @property
    def order(self) -> str:
        """One of `ORDERS`."""
        return str(self.raw.get('order', JOINT))

    @property
    def classifier(self) -> 'Optional[Manifest]':
        """The manifest of the network that gives the finding, where that is one of its own.

        It is that of a bundle of this network alone. The network of the manifest itself is then the segmenter.
        """
        own = _of_classifier(self.raw)
        return None if own is None else Manifest(own, self.sha256)

    @property
    def refused(self) -> str:
        """Why the bundle must not be deployed, on one line with a full stop; ``''`` where it may be."""
        sentence = ' '.join(self.raw.get('deployment', {}).get('refused', '').split())
        return sentence and sentence.rstrip('.') + '.'

    def is_of(self, data: bytes) -> bool:
        """Whether it was read from exactly these bytes."""
        return self.sha256 == hashlib.sha256(data).hexdigest()

    def __getitem__(self, key: str) -> Any:
        return self.raw[key]


@dataclass(frozen=True)
class Variant:
    """One form of a bundle's network: another precision, or one for boards without ArgMax.

    All variants take the same input and give the same finding, view and features.

    Attributes:
        name: `BASE` for the bundle's `model`, or a name of `PROMISES`.
        file: its ONNX file.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``: what it computes in. Inputs and outputs are float32 and int32
            in every precision.
        answers: whether it gives labels and confidence. Otherwise its first output is `LOGITS`, float32 1x8xHxW, which
            `backends.FromLogits` turns into them.
        outputs: what its file gives.
        golden: tolerances for the golden pair: ``labels_agreement``, ``confidence_tolerance`` and, with a finding,
            views or features, ``finding_tolerance``, ``view_tolerance`` and ``features_tolerance``.
        parity: its measured difference from the model it was made from.
    """

    name: str
    file: str
    precision: str
    answers: bool
    outputs: Tuple[TensorSpec, ...]
    golden: Dict[str, float]
    parity: Dict[str, Any]


def read_manifest_bytes(folder: str) -> bytes:
    """The unchecked bytes of a bundle's manifest, which are what a signature is over.

    Raises:
        BundleError: ``bundle-missing``; ``bundle-file-link`` or ``bundle-file-large``.
    """
    try:
        return read_plain(os.path.join(folder, MANIFEST_NAME), MAX_MANIFEST_BYTES)
    except OSError as error:
        raise BundleError('bundle-missing', 'There is no bundle in %s: %s cannot be read.' % (folder, MANIFEST_NAME),
                          _bundle_to_name(folder), detail=str(error))


def check_manifest(data: bytes, folder: str) -> Manifest:
    """The `Manifest` of a file's bytes; `folder` is for messages.

    Raises:
        BundleError: as `parse_manifest`.
    """
    return Manifest(parse_manifest(data, os.path.join(folder, MANIFEST_NAME)), hashlib.sha256(data).hexdigest())


def parse_manifest(data: bytes, name: str = MANIFEST_NAME) -> Dict[str, Any]:
    """Check a manifest's bytes against the schema and return the document.

    Args:
        data: UTF-8 JSON.
        name: name of the file, for messages.
    Raises:
        BundleError: ``manifest-unreadable``; ``manifest-invalid`` for a document that does not match the schema or
            contradicts itself; ``finding-unsupported`` for a finding that is not one probability;
            ``views-unsupported`` for views that the service does not know.
    """
    try:
        raw: Dict[str, Any] = json.loads(data.decode('utf-8'), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BundleError('manifest-unreadable', '%s is not JSON.' % name, _COPY_AGAIN, detail=str(error))
    problem = schema_problem(SCHEMA_PATH, raw)
    if problem is not None:
        raise BundleError('manifest-invalid', '%s does not describe a bundle of this version: %s.' % (name, problem))
    _check_order(raw, name)
    networks = [network for network in (raw, _of_classifier(raw)) if network is not None]
    _check_optional(raw, networks, name)
    _check_points(raw, name)
    for network in networks:
        _check_finding(network, name)
        _check_views(network, name)
        _check_features(network, name)
        for variant, entry in sorted(network.get('variants', {}).items()):
            _check_variant(network, variant, entry, name)
    _check_files(raw, name)
    return raw


def read_variants(manifest: Manifest) -> Dict[str, Variant]:
    """The variants of a manifest by name, `BASE` first and the others in the order of `PROMISES`."""
    model, golden = manifest['model'], manifest['golden']
    answers = tuple(spec(manifest['outputs'][role]) for role in manifest.roles)
    tolerances = {key: value for key, value in golden.items() if key != 'file'}
    variants = {BASE: Variant(BASE, model['file'], model['precision'], True, answers, tolerances,
                              manifest.raw.get('parity', {}))}
    stated = manifest.raw.get('variants', {})
    for name in (name for name in PROMISES if name in stated):
        entry = stated[name]
        outputs = answers if entry['answers'] else (_logits(manifest),) + answers[2:]
        variants[name] = Variant(name, entry['file'], entry['precision'], entry['answers'], outputs, entry['golden'],
                                 entry.get('parity', {}))
    return variants


def spec(entry: Dict[str, Any]) -> TensorSpec:
    """The `TensorSpec` of a manifest's tensor entry."""
    return TensorSpec(entry['name'], tuple(entry['shape']), entry['dtype'])


def read_plain(path: str, limit: int) -> bytes:
    """Read a plain file of at most `limit` bytes.

    Links, pipes and devices are not opened: a link could lead out of the bundle, the others might never end.

    Raises:
        BundleError: ``bundle-file-link`` or ``bundle-file-large``.
        OSError: it cannot be read.
    """
    not_plain = BundleError('bundle-file-link', '%s is not a plain file.' % path, _COPY_AGAIN)
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise not_plain
    try:
        with open_regular(path, os.O_NOFOLLOW) as stream:
            data = stream.read(limit + 1)
    except InputError:
        raise not_plain from None
    if len(data) > limit:
        raise BundleError('bundle-file-large', '%s has more than %d bytes, which is the most that the device takes.'
                          % (path, limit))
    return data


def _bundle_to_name(folder: str) -> str:
    """What to name in place of a folder that holds no bundle, from what is there."""
    path = os.path.abspath(folder)
    parent, name = os.path.split(path)
    if os.path.isfile(path) and os.path.isfile(os.path.join(parent, MANIFEST_NAME)):
        return 'Name the folder: %s' % parent
    there: Dict[str, str] = {}
    for place in (_SHIPPED_BUNDLES, parent):
        try:
            with os.scandir(place) as entries:
                there.update((entry.name, entry.path) for entry in itertools.islice(entries, _MAX_LOOKED_AT)
                             if os.path.isfile(os.path.join(entry.path, MANIFEST_NAME)))
        except OSError:
            continue
    close = difflib.get_close_matches(name, list(there), 1)
    if close:
        return 'Did you mean %s?' % there[close[0]]
    shipped = sorted(entry for entry in there.values() if os.path.dirname(entry) == _SHIPPED_BUNDLES)
    return 'Name the folder of a bundle%s.' % (', such as %s' % shipped[0] if shipped else '')


def _no_number(word: str) -> None:
    raise ValueError('%s is not a number' % word)


def _logits(manifest: Manifest) -> TensorSpec:
    labels = tuple(manifest['outputs']['labels']['shape'])
    return TensorSpec(LOGITS, labels[:1] + (len(manifest['regions']['names']),) + labels[1:], 'float32')


def _of_classifier(raw: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """A manifest as that of its classifier alone; None where it has none."""
    if 'classifier' not in raw:
        return None
    others = ('order', 'classifier', 'variants', 'parity', 'calibration')
    return dict({key: value for key, value in raw.items() if key not in others}, **raw['classifier'])


def _check_order(raw: Dict[str, Any], name: str) -> None:
    """Refuse an order that the networks of the manifest cannot have."""
    order = raw.get('order', JOINT)
    if ('classifier' in raw) != (order != JOINT):
        raise _contradiction(name, 'order %s is that of %s, and it has %s'
                             % ((order, 'one network', 'a classifier too') if order == JOINT else
                                (order, 'a classifier and a segmenter', 'no classifier')))


def _check_optional(raw: Dict[str, Any], networks: Sequence[Dict[str, Any]], name: str) -> None:
    """Refuse an output that is stated in one place and missing in another, that two networks give, or nothing proves.

    Args:
        networks: `raw`, and the manifest of its classifier.
    """
    for role, field in _OPTIONAL.items():
        output = 'outputs.' + role
        giving = [network for network in networks if role in network['outputs']]
        if field and (field in raw) != bool(giving):
            missing, present = (output, field) if field in raw else (field, output)
            raise _contradiction(name, 'it has %s and no %s. A model that gives a %s needs both, any other neither'
                                 % (present, missing, role))
        if len(giving) > 1:
            raise _contradiction(name, 'both its model and its classifier give a %s' % role)
        for network in giving:
            proofs = [('golden', network['golden'])]
            proofs += [('variants.%s.golden' % variant, entry['golden'])
                       for variant, entry in sorted(network.get('variants', {}).items())]
            for place, golden in proofs:
                if role + '_tolerance' not in golden:
                    raise _contradiction(name, 'it has %s and no %s.%s_tolerance to prove it with'
                                         % (output, place, role))


def _check_finding(raw: Dict[str, Any], name: str) -> None:
    """Refuse a finding that is not one probability."""
    output = raw['outputs'].get('finding')
    if output is None:
        return
    values, classes = int(np.prod(output['shape'])), len(raw['finding']['classes'])
    if values != 1 or classes != 2:
        raise BundleError('finding-unsupported', '%s has a finding of %d values for %d classes; the service shows one '
                          'probability that tells two classes apart.' % (name, values, classes),
                          'Export the model with such a finding, or without one.')


def _check_views(raw: Dict[str, Any], name: str) -> None:
    """Refuse views that the service does not know, or that are not the values of the output."""
    output = raw['outputs'].get('view')
    if output is None:
        return
    names = raw['views']['names']
    unknown = [view for view in names if view not in VIEWS]
    if unknown:
        raise BundleError('views-unsupported', '%s has the view %s; the service knows %s.'
                          % (name, unknown[0], ', '.join(VIEWS)), did_you_mean(unknown[0], VIEWS) or _MAKE_AGAIN)
    if not set(names) & set(FRONTAL_VIEWS):
        raise BundleError('views-unsupported', '%s has no frontal view, so that it could never give a difference.'
                          % name, _MAKE_AGAIN)
    if output['shape'] != [1, len(names)]:
        raise _contradiction(name, 'outputs.view has the shape %s for %d views' % (output['shape'], len(names)))


def _check_features(raw: Dict[str, Any], name: str) -> None:
    output = raw['outputs'].get('features')
    if output is not None and (len(output['shape']) != 2 or output['shape'][0] != 1 or output['dtype'] != 'float32'):
        raise _contradiction(name, 'outputs.features is %s%s and not one vector of float32'
                             % (output['dtype'], output['shape']))


def _check_points(raw: Dict[str, Any], name: str) -> None:
    names: List[str] = [point['name'] for point in raw.get('finding', {}).get('operating_points', ())]
    repeated = sorted({entry for entry in names if names.count(entry) > 1})
    if repeated:
        raise _contradiction(name, 'two operating points are called %s' % repeated[0])


def _check_variant(raw: Dict[str, Any], variant: str, entry: Dict[str, Any], name: str) -> None:
    precision, answers = PROMISES[variant]
    if entry['precision'] != precision:
        raise _contradiction(name, 'variant %s is stated to have precision %s' % (variant, entry['precision']))
    if entry['answers'] != answers:
        raise _contradiction(name, 'variant %s is stated to give %s'
                             % (variant, 'labels' if entry['answers'] else 'logits'))
    labels = raw['outputs'].get('labels', {}).get('shape', ())
    if not answers and len(labels) != 3:
        raise _contradiction(name, 'variant %s needs labels of three sides, not %s' % (variant, labels))
    for role in _OPTIONAL:
        if not answers and raw['outputs'].get(role, {}).get('name') == LOGITS:
            raise _contradiction(name, 'variant %s and the %s both have an output called %s' % (variant, role, LOGITS))


def _check_files(raw: Dict[str, Any], name: str) -> None:
    """Every file with a part in the bundle must be listed, and have that part alone."""
    parts = []
    for of, network in (('', raw), ("its classifier's ", raw.get('classifier', {}))):
        variants = sorted(network.get('variants', {}).items())
        entries = [((of or 'its ') + part, network.get(part)) for part in ('model', 'golden')]
        entries += [(of + 'variant ' + variant, entry) for variant, entry in variants]
        entries.append(((of or 'its ') + 'calibration', network.get('calibration')))
        parts += [(part, entry['file']) for part, entry in entries if entry is not None]
    taken: Dict[str, str] = {}
    for part, file in parts:
        if file not in raw['files']:
            raise BundleError('manifest-invalid', '%s names %s as %s but does not list it under files.'
                              % (name, file, part), _MAKE_AGAIN)
        if file in taken:
            raise _contradiction(name, '%s is %s and %s' % (file, taken[file], part))
        taken[file] = part


def _contradiction(name: str, problem: str) -> BundleError:
    return BundleError('manifest-invalid', '%s contradicts itself: %s.' % (name, problem), _MAKE_AGAIN)
