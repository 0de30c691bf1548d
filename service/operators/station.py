"""What a station knows of its operators, opened together: secret, keys, audit log, operators."""
import os
from typing import Any, NamedTuple, Optional

from ..clock import Clock
from ..messages import StorageError
from .audit import Audit, leave_note
from .chain import FOLDER as AUDIT
from .keys import Cost, KeyStore, OperatorError, read_secret
from .operators import Operators
from .signer import BaseSigner, Signer, SocketSigner


class Places(NamedTuple):
    """Where a station keeps what belongs to its operators.

    Attributes:
        audit: folder of the audit log, in that of the exams.
        operators: folder of operators and wrapped keys, in that of the exams; it belongs into a backup.
        secret: file of the secret of this station, beside the folder of the exams; it belongs into no backup.
        signer: folder of a signer that is no process of its own.
    """

    audit: str
    operators: str
    secret: str
    signer: str


def places(exams_folder: str) -> Places:
    """The places of a station by the folder of its exams."""
    folder = os.path.abspath(exams_folder)
    return Places(os.path.join(folder, AUDIT), os.path.join(folder, 'operators'), folder + '.secret',
                  folder + '.signer')


class Station:
    """Everything of one station; one process has it.

    Args:
        exams_folder: of the exams.
        clock: of the station.
        encrypts: whether exams are encrypted.
        audit_socket: of the process that signs the audit log; empty where this one does it itself, with a key that it
            can read.
        anchor_file: on another file system, where the audit log is anchored once more; empty for none.
        cost: of new PINs.

    Raises:
        StorageError: ``audit-in-use`` while another process has it; something cannot be read or written.
        OperatorError: ``secret-damaged``.
    """

    def __init__(self, exams_folder: str, clock: Clock, encrypts: bool = True, audit_socket: str = '',
                 anchor_file: str = '', cost: Optional[Cost] = None) -> None:
        where = places(exams_folder)
        self.keys = KeyStore(where.operators, where.secret, cost, encrypts)
        signer: BaseSigner = (SocketSigner(audit_socket) if audit_socket
                              else Signer(where.signer, where.audit, clock))
        self.audit = Audit(where.audit, clock, signer, self.keys.audit_key, anchor_file)
        try:
            self.operators = Operators(where.operators, self.keys, self.audit, clock)
        except BaseException:
            self.audit.close()
            raise

    def __enter__(self) -> 'Station':
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def close(self) -> None:
        """Forget the data key, and give the station to other processes."""
        self.keys.lock()
        self.audit.close()


def tell_audit(exams_folder: str, clock: Clock, event: str, **facts: Any) -> None:
    """Add to the audit log of a station what the command line did; nothing where the folder has no log.

    While the service has the log, and before the first start after a restore, it is noted beside it, and the service
    adds it with the next checkpoint.

    Args:
        exams_folder: of the exams.
        clock: of the station.
        event, facts: as of `Audit.append`.

    Raises:
        StorageError: it cannot be written.
    """
    where = places(exams_folder)
    if not os.path.isdir(where.audit):
        return
    try:
        with Audit(where.audit, clock, None, bytes.fromhex(read_secret(where.secret)['audit'])) as audit:
            audit.append(event, '', **facts)
    except (OSError, OperatorError, StorageError) as error:
        if isinstance(error, StorageError) and error.code != 'audit-in-use':
            raise
        leave_note(where.audit, clock, event, **facts)
