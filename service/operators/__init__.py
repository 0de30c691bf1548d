"""Who works on the station and what was done: PINs, roles, keys, and the audit log."""
from .audit import EVENTS, Audit
from .chain import Anchor
from .signer import Signer, SocketSigner, serve_signer
from .verification import Verdict, verify

__all__ = ['EVENTS', 'Anchor', 'Audit', 'Signer', 'SocketSigner', 'Verdict', 'serve_signer', 'verify']
