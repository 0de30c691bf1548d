"""Who works on the station and what was done: PINs, roles, keys, and the audit log."""
from .audit import EVENTS, Audit
from .chain import Anchor
from .keys import Cost, KeyStore, OperatorError, open_recovery
from .operators import INTEGRATOR, OPERATOR, ROLES, SUPERVISOR, Operator, Operators
from .signer import Signer, SocketSigner, serve_signer
from .verification import Verdict, verify

__all__ = ['Anchor', 'Audit', 'Cost', 'EVENTS', 'INTEGRATOR', 'KeyStore', 'OPERATOR', 'Operator', 'OperatorError',
           'Operators', 'ROLES', 'SUPERVISOR', 'Signer', 'SocketSigner', 'Verdict', 'open_recovery', 'serve_signer',
           'verify']
