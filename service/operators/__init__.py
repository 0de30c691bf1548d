"""Who works on the station and what was done: PINs, roles, keys, and the audit log."""
from .audit import EVENTS, Audit, last_entry
from .chain import Anchor
from .keeping import Keeper
from .keys import RECOVERY_GROUP, RECOVERY_GROUPS, Cost, KeyStore, OperatorError, misread_groups, open_recovery
from .operators import INTEGRATOR, OPERATOR, ROLES, SUPERVISOR, Operator, Operators, list_operators
from .signer import Signer, SocketSigner, serve_signer
from .station import Places, Station, places, tell_audit
from .verification import Verdict, verify

__all__ = ['Anchor', 'Audit', 'Cost', 'EVENTS', 'INTEGRATOR', 'KeyStore', 'Keeper', 'OPERATOR', 'Operator',
           'OperatorError', 'Operators', 'Places', 'RECOVERY_GROUP', 'RECOVERY_GROUPS', 'ROLES', 'SUPERVISOR', 'Signer',
           'SocketSigner', 'Station', 'Verdict', 'last_entry', 'list_operators', 'misread_groups', 'open_recovery',
           'places', 'serve_signer', 'tell_audit', 'verify']
