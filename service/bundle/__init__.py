"""Bundles: a model as it is delivered, with everything that is needed to trust and to run it."""
from .golden import golden_thermogram, pack_golden, prove, read_golden, to_counts
from .install import Installed, install_bundle, recover_bundle, return_to_previous, write_bundle
from .load import MAX_FILE_BYTES, Bundle, check_model, open_bundle
from .manifest import (
    BASE,
    CLASSIFY_FIRST,
    JOINT,
    LOGITS,
    ORDERS,
    PROMISES,
    SEGMENT_FIRST,
    Manifest,
    Variant,
    parse_manifest,
)
from .onnx_scan import OnnxFacts, scan_onnx
from .signature import Trust, key_id, read_signature
from .signing import generate_key, load_key, sign_bundle

__all__ = ['BASE', 'Bundle', 'CLASSIFY_FIRST', 'Installed', 'JOINT', 'LOGITS', 'MAX_FILE_BYTES', 'Manifest', 'ORDERS',
           'OnnxFacts', 'PROMISES', 'SEGMENT_FIRST', 'Trust', 'Variant', 'check_model', 'generate_key',
           'golden_thermogram', 'install_bundle', 'key_id', 'load_key', 'open_bundle', 'pack_golden', 'parse_manifest',
           'prove', 'read_golden', 'read_signature', 'recover_bundle', 'return_to_previous', 'scan_onnx', 'sign_bundle',
           'to_counts', 'write_bundle']
