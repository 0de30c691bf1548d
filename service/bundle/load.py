"""Opening a bundle: every byte accounted for before anything runs."""
import hashlib
import os
from dataclasses import dataclass
from typing import Optional

from ..chains import Chain, get_chain
from ..messages import BundleError
from .manifest import MANIFEST_NAME, Manifest, check_manifest, read_manifest_bytes
from .onnx_scan import STANDARD_DOMAINS, scan_onnx
from .plain_file import read_plain
from .signature import SIGNATURE_NAME
from .variants import BASE, read_variants, spec

#: Ceilings for the device: TensorRT 8.2's documented opset, and the newest IR that ONNX Runtime
#: 1.10 takes. Both parsers read newer files in part without saying so, so the service does.
MAX_OPSET = 13
MAX_IR_VERSION = 7

#: No file of a bundle is larger. The largest network of models/architectures, *latents* with both heads, has 140 MB.
MAX_FILE_BYTES = 144 * 1024 * 1024


@dataclass(frozen=True)
class Bundle:
    """A model as delivered, checked and ready to be handed to a backend.

    Attributes:
        folder (str): where it lies.
        manifest (Manifest): its description.
        chain (Chain): its preprocessing.
        golden (bytes): the golden pair, as hashed.
        inputs, outputs (tuple of TensorSpec): what a backend must offer; outputs in the order of
            `Manifest.roles`.
        variants (dict): name to `Variant`, ``'fp32'`` first, which is the bundle's `model`.
        signed_by (str): id of the trusted key that signed it, ``''`` where nobody did and that is allowed; None
            where nobody looked.
    """

    folder: str
    manifest: Manifest
    chain: Chain
    golden: bytes
    inputs: tuple
    outputs: tuple
    variants: dict
    signed_by: Optional[str] = None

    @property
    def model(self):
        """The ONNX file of the base model (bytes), as `read_model` gives it."""
        return self.read_model()

    def read_model(self, name=BASE):
        """The ONNX file of a variant, read and hashed again, so that no bundle fills the memory with five of them.

        Backends run these bytes, so the file cannot change between the check and its use.

        Args:
            name (str): a key of `variants`.
        Returns:
            bytes: the file that `open_bundle` checked.
        Raises:
            BundleError: ``variant-missing``; ``bundle-hash`` or ``bundle-file-missing`` where the file was changed
                since.
        """
        return read_listed(self.folder, self.manifest, self._variant(name).file)

    def sha256(self, name=BASE):
        """SHA-256 of a variant's ONNX file as 64 hex digits."""
        return self.manifest['files'][self._variant(name).file]

    def read_calibration(self):
        """The TensorRT calibration cache (bytes), or None where the bundle has none.

        Raises:
            BundleError: as `read_model`.
        """
        entry = self.manifest.raw.get('calibration')
        return entry and read_listed(self.folder, self.manifest, entry['file'])

    def output_name(self, role):
        """Tensor name of one of the manifest's roles."""
        return self.manifest['outputs'][role]['name']

    def _variant(self, name):
        if name not in self.variants:
            raise BundleError('variant-missing', 'The bundle in %s has no variant %s; it has %s.'
                              % (self.folder, name, ', '.join(self.variants)))
        return self.variants[name]


def open_bundle(folder, study=False, trust=None):
    """Open a bundle folder and check everything that can be checked without running it.

    Args:
        folder (str): the bundle.
        study (bool): open a bundle that says of itself that it is not for deployment too, to see that it
            is whole. Nothing on the device does that.
        trust (Trust): whose bundles are taken; None to leave the signature alone, as on a workstation.
    Returns:
        Bundle: every file of it was read, hashed and, where it is a network, scanned.
    Raises:
        BundleError: not signed as `trust` wants it; a file missing, added, changed or too large; a
            manifest that is not one; an unknown chain; an ONNX file beyond the device's limits;
            ``bundle-not-for-deployment``.
    """
    data = read_manifest_bytes(folder)
    signed_by = trust and trust.check(folder, data)
    # Parsed after that, and from the very bytes that were signed.
    manifest = check_manifest(data, folder)
    if manifest.refused and not study:
        raise BundleError('bundle-not-for-deployment', 'The bundle in %s is not for deployment: %s Name another '
                          'one with --bundle.' % (folder, manifest.refused))
    _check_listing(folder, manifest)
    variants = read_variants(manifest)
    stated = dict(manifest.raw.get('variants', {}), **{BASE: manifest['model']})
    networks = {variant.file: stated[name] for name, variant in variants.items()}
    # One file at a time: a device has little memory and a bundle five networks.
    for name in sorted(manifest['files']):
        data = read_listed(folder, manifest, name)
        if name in networks:
            check_model(data, networks[name], name)
    golden = read_listed(folder, manifest, manifest['golden']['file'])
    preprocess = manifest['preprocess']
    chain = get_chain(preprocess['chain'], preprocess['constants'])
    inputs = (spec(manifest['input']),)
    _check_fit(folder, manifest, chain, inputs[0].shape)
    return Bundle(folder, manifest, chain, golden, inputs, variants[BASE].outputs, variants, signed_by)


def check_model(data, stated, name='the ONNX file'):
    """Refuse an ONNX file that the device must not run.

    Args:
        data (bytes): the file.
        stated (dict): what the manifest says of it: ``opset`` and ``ir_version``.
        name (str): how messages call the file.
    Raises:
        BundleError: ``onnx-external-data``, ``onnx-domain``, ``onnx-version`` or ``onnx-unreadable``.
    """
    facts = scan_onnx(data)
    if facts.external_tensors:
        raise BundleError('onnx-external-data', '%s keeps %d weights in other files; export it as one file.'
                          % (name, facts.external_tensors))
    foreign = sorted(facts.domains - set(STANDARD_DOMAINS))
    if foreign:
        raise BundleError('onnx-domain', '%s uses operators of %s; only the standard ones run on the device.'
                          % (name, ', '.join(foreign)))
    says = (stated['opset'], stated['ir_version'])
    if (facts.opset, facts.ir_version) != says or facts.opset > MAX_OPSET or facts.ir_version > MAX_IR_VERSION:
        raise BundleError('onnx-version', '%s has opset %d and IR version %d; the manifest says %d and %d, and the '
                          'device takes at most %d and %d.'
                          % ((name, facts.opset, facts.ir_version) + says + (MAX_OPSET, MAX_IR_VERSION)))


def read_listed(folder, manifest, name):
    """A file of a bundle (bytes), which must be the one that its manifest lists.

    Raises:
        BundleError: ``bundle-file-missing``, ``bundle-file-link``, ``bundle-file-large`` or ``bundle-hash``.
    """
    path = os.path.join(folder, name)
    try:
        data = read_plain(path, MAX_FILE_BYTES)
    except OSError as error:
        raise BundleError('bundle-file-missing', '%s cannot be read; copy the bundle again.' % path, detail=str(error))
    if hashlib.sha256(data).hexdigest() != manifest['files'][name]:
        raise BundleError('bundle-hash', '%s is not the file that the manifest was made with; copy the bundle '
                          'again.' % path)
    return data


def _check_fit(folder, manifest, chain, shape):
    fed = (1, chain.channels, chain.constants['height'], chain.constants['width'])
    # A model that takes more channels than a thermogram has, such as a mask, is not for deployment but whole.
    if manifest.refused and shape[1:2] > fed[1:2]:
        fed = (1, shape[1]) + fed[2:]
    if shape != fed:
        raise BundleError('manifest-invalid', 'The bundle in %s feeds %s to a model that takes %s.'
                          % (folder, fed, shape))


def _check_listing(folder, manifest):
    present = set(os.listdir(folder)) - {MANIFEST_NAME, SIGNATURE_NAME}
    listed = set(manifest['files'])
    if present - listed:
        raise BundleError('bundle-file-unlisted', 'The bundle in %s holds %s, which its manifest does not list; '
                          'copy the bundle again.' % (folder, ', '.join(sorted(present - listed))))
    if listed - present:
        raise BundleError('bundle-file-missing', 'The bundle in %s lacks %s; copy it again.'
                          % (folder, ', '.join(sorted(listed - present))))
