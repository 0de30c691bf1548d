"""Opening a bundle: every byte accounted for before anything runs."""
import hashlib
import os
import stat
from dataclasses import dataclass

from ..backends.base import TensorSpec
from ..chains import Chain, get_chain
from ..errors import BundleError
from .manifest import MANIFEST_NAME, Manifest, read_manifest
from .onnx_scan import scan_onnx

#: Ceilings for the device: TensorRT 8.2's documented opset, and the newest IR that ONNX Runtime
#: 1.10 takes. Both parsers read newer files in part without saying so, so the service does.
MAX_OPSET = 13
MAX_IR_VERSION = 7

#: No file of a bundle is larger. The largest network the project grew from has 98 MB.
MAX_FILE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class Bundle:
    """A model as delivered, checked and ready to be handed to a backend.

    Attributes:
        folder (str): where it lies.
        manifest (Manifest): its description.
        chain (Chain): its preprocessing.
        model (bytes): the ONNX file, as hashed. Backends run these bytes, so the file cannot change
            between the check and its use.
        golden (bytes): the golden pair, as hashed.
        inputs, outputs (tuple of TensorSpec): what a backend must offer; outputs in the order of
            `Manifest.roles`.
    """

    folder: str
    manifest: Manifest
    chain: Chain
    model: bytes
    golden: bytes
    inputs: tuple
    outputs: tuple

    def output_name(self, role):
        """Tensor name of one of the manifest's roles."""
        return self.manifest['outputs'][role]['name']


def open_bundle(folder, study=False):
    """Open a bundle folder and check everything that can be checked without running it.

    Args:
        folder (str): the bundle.
        study (bool): open a bundle that says of itself that it is not for deployment too, to see that it
            is whole. Nothing on the device does that.
    Returns:
        Bundle: with the bytes that were checked.
    Raises:
        BundleError: a file missing, added, changed or too large; a manifest that is not one; an
            unknown chain; an ONNX file beyond the device's limits; ``bundle-not-for-deployment``.
    """
    manifest = read_manifest(folder)
    if manifest.refused and not study:
        raise BundleError('bundle-not-for-deployment', 'The bundle in %s is not for deployment: %s Name another '
                          'one with --bundle.' % (folder, manifest.refused))
    _check_listing(folder, manifest)
    contents = {name: _read_checked(folder, name, digest) for name, digest in sorted(manifest['files'].items())}
    for role in ('model', 'golden'):
        if manifest[role]['file'] not in contents:
            raise BundleError('manifest-invalid', 'The manifest in %s names %s as its %s but does not list it '
                              'under files.' % (folder, manifest[role]['file'], role))
    model = contents[manifest['model']['file']]
    check_model(model, manifest.raw)
    preprocess = manifest['preprocess']
    chain = get_chain(preprocess['chain'], preprocess['constants'])
    inputs = (_spec(manifest['input']),)
    _check_fit(folder, manifest, chain, inputs[0].shape)
    outputs = tuple(_spec(manifest['outputs'][role]) for role in manifest.roles)
    return Bundle(folder, manifest, chain, model, contents[manifest['golden']['file']], inputs, outputs)


def check_model(data, raw):
    """Refuse an ONNX file that the device must not run.

    Args:
        data (bytes): the file.
        raw (dict): the manifest document, whose statements it must match.
    Raises:
        BundleError: ``onnx-external-data``, ``onnx-domain``, ``onnx-version`` or ``onnx-unreadable``.
    """
    facts = scan_onnx(data)
    if facts.external_tensors:
        raise BundleError('onnx-external-data', 'The ONNX file keeps %d weights in other files; export it as one '
                          'file.' % facts.external_tensors)
    foreign = sorted(facts.domains - {'', 'ai.onnx'})
    if foreign:
        raise BundleError('onnx-domain', 'The ONNX file uses operators of %s; only the standard ones run on the '
                          'device.' % ', '.join(foreign))
    stated = (raw['model']['opset'], raw['model']['ir_version'])
    if (facts.opset, facts.ir_version) != stated or facts.opset > MAX_OPSET or facts.ir_version > MAX_IR_VERSION:
        raise BundleError('onnx-version', 'The ONNX file has opset %d and IR version %d; the manifest says %d and '
                          '%d, and the device takes at most %d and %d.'
                          % ((facts.opset, facts.ir_version) + stated + (MAX_OPSET, MAX_IR_VERSION)))


def _check_fit(folder, manifest, chain, shape):
    fed = (1, chain.channels, chain.constants['height'], chain.constants['width'])
    # A model that takes more channels than a thermogram has, such as a mask, is not for deployment but whole.
    if manifest.refused and shape[1:2] > fed[1:2]:
        fed = (1, shape[1]) + fed[2:]
    if shape != fed:
        raise BundleError('manifest-invalid', 'The bundle in %s feeds %s to a model that takes %s.'
                          % (folder, fed, shape))


def _check_listing(folder, manifest):
    present = set(os.listdir(folder)) - {MANIFEST_NAME}
    listed = set(manifest['files'])
    if present - listed:
        raise BundleError('bundle-file-unlisted', 'The bundle in %s holds %s, which its manifest does not list; '
                          'copy the bundle again.' % (folder, ', '.join(sorted(present - listed))))
    if listed - present:
        raise BundleError('bundle-file-missing', 'The bundle in %s lacks %s; copy it again.'
                          % (folder, ', '.join(sorted(listed - present))))


def _read_checked(folder, name, digest):
    path = os.path.join(folder, name)
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError('bundle-file-link', '%s is not a plain file; copy the bundle again.' % path)
        if status.st_size > MAX_FILE_BYTES:
            raise BundleError('bundle-file-large', '%s has %d bytes; the device takes at most %d.'
                              % (path, status.st_size, MAX_FILE_BYTES))
        with open(path, 'rb') as stream:
            data = stream.read()
    except OSError as error:
        raise BundleError('bundle-file-missing', '%s cannot be read; copy the bundle again.' % path, str(error))
    if hashlib.sha256(data).hexdigest() != digest:
        raise BundleError('bundle-hash', '%s is not the file that the manifest was made with; copy the bundle '
                          'again.' % path)
    return data


def _spec(entry):
    return TensorSpec(entry['name'], tuple(entry['shape']), entry['dtype'])
