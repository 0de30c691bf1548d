"""Bundles: a model as it is delivered, with everything that is needed to trust and to run it."""
from .golden import golden_thermogram, pack_golden, prove, to_counts
from .install import Installed, install_bundle
from .load import Bundle, check_model, open_bundle
from .manifest import Manifest, parse_manifest, read_manifest
from .onnx_scan import OnnxFacts, scan_onnx
from .signature import key_id, read_signature
from .signing import generate_key, load_key, sign_bundle
from .trust import Trust
from .variants import Variant
from .write import write_bundle

__all__ = ['Bundle', 'Installed', 'Manifest', 'OnnxFacts', 'Trust', 'Variant', 'check_model', 'generate_key',
           'golden_thermogram', 'install_bundle', 'key_id', 'load_key', 'open_bundle', 'pack_golden', 'parse_manifest',
           'prove', 'read_manifest', 'read_signature', 'scan_onnx', 'sign_bundle', 'to_counts', 'write_bundle']
