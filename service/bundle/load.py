"""Opening a bundle: every byte is checked before anything runs."""
import hashlib
import os
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from ..backends import TensorSpec
from ..chains import Chain, get_chain
from ..messages import BundleError
from .manifest import (
    BASE,
    MANIFEST_NAME,
    Manifest,
    Variant,
    check_manifest,
    read_manifest_bytes,
    read_plain,
    read_variants,
    spec,
)
from .onnx_scan import STANDARD_DOMAINS, scan_onnx
from .signature import SIGNATURE_NAME, Trust

#: Ceilings for the device: the opset that TensorRT 8.2 documents, and the newest IR that ONNX Runtime 1.10 takes. Both
#: parsers silently read parts of newer files, so the service refuses them.
MAX_OPSET = 13
MAX_IR_VERSION = 7

#: The largest network of models/architectures, *latents* with both heads, has 140 MB.
MAX_FILE_BYTES = 144 * 1024 * 1024

_COPY_AGAIN = 'Copy the bundle again.'


@dataclass(frozen=True)
class Bundle:
    """A model as delivered, checked and ready to be handed to a backend.

    Where the bundle holds two networks, this one is the segmenter, and `classifier` is a `Bundle` of the other one in
    the same folder.

    Attributes:
        folder: the bundle's folder.
        manifest: its description.
        chain: its preprocessing.
        golden: the golden pair, as hashed.
        inputs: what a backend must take.
        outputs: what a backend must give, in the order of `Manifest.roles`.
        variants: by name, `BASE` first, which is the bundle's `model`.
        signed_by: id of the trusted key that signed it, ``''`` where it is unsigned and that is allowed, None where
            the signature was not checked.
        classifier: the network that gives the finding, where that is one of its own.
    """

    folder: str
    manifest: Manifest
    chain: Chain
    golden: bytes
    inputs: Tuple[TensorSpec, ...]
    outputs: Tuple[TensorSpec, ...]
    variants: Dict[str, Variant]
    signed_by: Optional[str] = None
    classifier: Optional['Bundle'] = None

    @property
    def networks(self) -> Tuple['Bundle', ...]:
        """The bundle itself, and its classifier where it has one."""
        return (self,) if self.classifier is None else (self, self.classifier)

    @property
    def model(self) -> bytes:
        """The ONNX file of the base model, as `read_model` gives it."""
        return self.read_model()

    def read_model(self, name: str = BASE) -> bytes:
        """The ONNX file of a variant, read and hashed again so that they need not stay in memory.

        Backends run these bytes, so the file cannot change between the check and its use.

        Raises:
            BundleError: ``variant-missing``; ``bundle-hash`` or ``bundle-file-missing`` where the file has changed
                since the bundle was opened.
        """
        return read_listed(self.folder, self.manifest, self._variant(name).file)

    def sha256(self, name: str = BASE) -> str:
        """SHA-256 of a variant's ONNX file as 64 hex digits."""
        return str(self.manifest['files'][self._variant(name).file])

    def read_calibration(self) -> Optional[bytes]:
        """The TensorRT calibration cache, or None where the bundle has none.

        Raises:
            BundleError: as `read_model`.
        """
        entry = self.manifest.raw.get('calibration')
        return read_listed(self.folder, self.manifest, entry['file']) if entry else None

    def output_name(self, role: str) -> str:
        """Tensor name of one of the manifest's roles."""
        return str(self.manifest['outputs'][role]['name'])

    def _variant(self, name: str) -> Variant:
        if name not in self.variants:
            raise BundleError('variant-missing', 'The bundle in %s has no variant %s; it has %s.'
                              % (self.folder, name, ', '.join(self.variants)))
        return self.variants[name]


def open_bundle(folder: str, study: bool = False, trust: Optional[Trust] = None) -> Bundle:
    """Open a bundle folder and check everything that can be checked without running it.

    Every file is read, hashed and, if it is a network, scanned.

    Args:
        study: also open a bundle that is marked as not for deployment. Nothing on the device does that.
        trust: whose bundles are accepted; None skips the signature, as on a workstation.
    Raises:
        BundleError: not signed as `trust` requires; a file that is missing, unlisted, changed or too large; an invalid
            manifest; an unknown chain; an ONNX file beyond the device's limits; ``bundle-not-for-deployment``;
            ``mask-channel`` for a classifier beside a segmenter that takes a mask.
    """
    data = read_manifest_bytes(folder)
    signed_by = trust.check(folder, data) if trust is not None else None
    # Parsed only now, and from the very bytes that were signed.
    manifest = check_manifest(data, folder)
    if manifest.refused and not study:
        raise BundleError('bundle-not-for-deployment', 'The bundle in %s is not for deployment: %s'
                          % (folder, manifest.refused), 'Name another bundle.')
    _check_listing(folder, manifest)
    classifier = manifest.classifier
    networks: Dict[str, Dict[str, Any]] = {}
    for network in filter(None, (manifest, classifier)):
        stated = dict(network.raw.get('variants', {}), **{BASE: network['model']})
        networks.update((entry['file'], entry) for entry in stated.values())
    # One file at a time: a device has little memory and a bundle several networks.
    for name in sorted(manifest['files']):
        data = read_listed(folder, manifest, name)
        if name in networks:
            check_model(data, networks[name], name)
    other = None if classifier is None else _network(folder, classifier, signed_by)
    return _network(folder, manifest, signed_by, other)


def _network(folder: str, manifest: Manifest, signed_by: Optional[str], classifier: Optional[Bundle] = None) -> Bundle:
    """The network that a manifest describes, whose files were checked."""
    golden = read_listed(folder, manifest, manifest['golden']['file'])
    preprocess = manifest['preprocess']
    chain = get_chain(preprocess['chain'], preprocess['constants'])
    inputs = (spec(manifest['input']),)
    _check_fit(folder, manifest, chain, inputs[0].shape)
    variants = read_variants(manifest)
    return Bundle(folder, manifest, chain, golden, inputs, variants[BASE].outputs, variants, signed_by, classifier)


def check_model(data: bytes, stated: Dict[str, Any], name: str = 'the ONNX file') -> None:
    """Refuse an ONNX file that the device must not run.

    Args:
        data: the file.
        stated: ``opset`` and ``ir_version`` of the manifest.
        name: name of the file, for messages.
    Raises:
        BundleError: ``onnx-external-data``, ``onnx-domain``, ``onnx-version`` or ``onnx-unreadable``.
    """
    facts = scan_onnx(data)
    if facts.external_tensors:
        raise BundleError('onnx-external-data', '%s keeps %d weights in other files.' % (name, facts.external_tensors),
                          'Export it as one file.')
    foreign = sorted(facts.domains - set(STANDARD_DOMAINS))
    if foreign:
        raise BundleError('onnx-domain', '%s uses operators of %s; only the standard ones run on the device.'
                          % (name, ', '.join(foreign)))
    versions = (stated['opset'], stated['ir_version'])
    if (facts.opset, facts.ir_version) != versions or facts.opset > MAX_OPSET or facts.ir_version > MAX_IR_VERSION:
        raise BundleError('onnx-version', '%s has opset %d and IR version %d; the manifest states %d and %d, and the '
                          'device takes at most %d and %d.'
                          % ((name, facts.opset, facts.ir_version) + versions + (MAX_OPSET, MAX_IR_VERSION)))


def read_listed(folder: str, manifest: Manifest, name: str) -> bytes:
    """A file of a bundle, which must be the one that its manifest lists.

    Raises:
        BundleError: ``bundle-file-missing``, ``bundle-file-link``, ``bundle-file-large`` or ``bundle-hash``.
    """
    path = os.path.join(folder, name)
    try:
        data = read_plain(path, MAX_FILE_BYTES)
    except OSError as error:
        raise BundleError('bundle-file-missing', '%s cannot be read.' % path, _COPY_AGAIN, detail=str(error))
    if hashlib.sha256(data).hexdigest() != manifest['files'][name]:
        raise BundleError('bundle-hash', '%s is not the file that the manifest was made with.' % path, _COPY_AGAIN)
    return data


def _check_fit(folder: str, manifest: Manifest, chain: Chain, shape: Tuple[int, ...]) -> None:
    fed: Tuple[int, ...] = (1, chain.channels, chain.constants['height'], chain.constants['width'])
    if 'labels' not in manifest.roles and shape[1:2] > fed[1:2]:
        raise BundleError('mask-channel', 'The classifier of the bundle in %s takes %d channels and a thermogram gives '
                          '%d: it wants a mask, and a predicted one biases the finding.'
                          % (folder, shape[1], fed[1]), 'Use a classifier that was trained without a mask.')
    # A model that takes more channels than a thermogram has, such as a mask, is intact but not for deployment.
    if manifest.refused and shape[1:2] > fed[1:2]:
        fed = (1, shape[1]) + fed[2:]
    if shape != fed:
        raise BundleError('manifest-invalid', 'The bundle in %s feeds %s to a model that takes %s.'
                          % (folder, fed, shape))


def _check_listing(folder: str, manifest: Manifest) -> None:
    present = set(os.listdir(folder)) - {MANIFEST_NAME, SIGNATURE_NAME}
    listed = set(manifest['files'])
    if present - listed:
        raise BundleError('bundle-file-unlisted', 'The bundle in %s holds %s, which its manifest does not list.'
                          % (folder, ', '.join(sorted(present - listed))), _COPY_AGAIN)
    if listed - present:
        raise BundleError('bundle-file-missing', 'The bundle in %s lacks %s.'
                          % (folder, ', '.join(sorted(listed - present))), _COPY_AGAIN)
