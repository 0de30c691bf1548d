"""Bundles: a model as it is delivered, with everything that is needed to trust and to run it."""
from .golden import golden_thermogram, pack_golden, prove, read_golden, to_counts
from .history import INTERRUPTED, KEPT, RETURNED, TRIAL, WRITING, Change, History
from .install import Staged, installed_hash, previous_bundle, previous_of, put_back, recover_bundle, stage, write_bundle
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
from .signing import generate_key, load_key, public_bytes, sign_bundle

__all__ = ['BASE', 'Bundle', 'CLASSIFY_FIRST', 'Change', 'History', 'INTERRUPTED', 'JOINT', 'KEPT', 'LOGITS',
           'MAX_FILE_BYTES', 'Manifest', 'ORDERS', 'OnnxFacts', 'PROMISES', 'RETURNED', 'SEGMENT_FIRST', 'Staged',
           'TRIAL', 'Trust', 'Variant', 'WRITING', 'check_model', 'generate_key', 'golden_thermogram', 'installed_hash',
           'key_id', 'load_key', 'open_bundle', 'pack_golden', 'parse_manifest', 'previous_bundle', 'previous_of',
           'prove', 'public_bytes', 'put_back', 'read_golden', 'read_signature', 'recover_bundle', 'scan_onnx',
           'sign_bundle', 'stage', 'to_counts', 'write_bundle']
