"""The signer's key and the account of the service, as two real users: one asks for a signature and reads no key."""
import os
import socket
import tempfile
import threading

import pytest

from service.clock import Clock
from service.messages import ThermoscreenError
from service.operators import Audit, Signer, SocketSigner, serve_signer
from service.operators.signer import KEY, PUBLIC_KEY

#: The account that owns nothing, on every system.
_NOBODY = 65534


def _as_nobody(act):
    """What a child process of another account answers with: the exit code of ``act()``."""
    child = os.fork()
    if not child:
        code = 99
        try:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
            code = act()
        finally:
            os._exit(code)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become another user')
def test_the_account_of_the_service_asks_for_a_signature_and_reads_no_key():
    tick = Clock('', lambda: 1.8e9, lambda: True, 'boot', lambda: 10 ** 9)
    with tempfile.TemporaryDirectory() as folder:  # not below tmp_path, which is root's alone
        os.chmod(folder, 0o755)
        system, log, path = (os.path.join(folder, name) for name in ('system', 'log', 'socket'))
        os.mkdir(system, 0o755)
        signer = Signer(system, log, tick)
        with Audit(log, tick, signer, b'k' * 32) as audit:
            audit.append('station-started')
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(1)
        os.chown(path, 0, _NOBODY)
        os.chmod(path, 0o660)
        thread = threading.Thread(target=serve_signer, args=(signer, listening, 1))
        thread.start()

        def ask():
            for name, mode in ((KEY, 'rb'), (KEY, 'ab'), (PUBLIC_KEY, 'ab')):
                try:
                    open(os.path.join(system, name), mode).close()
                    return 1
                except PermissionError:
                    pass
            try:
                return 0 if 'signature' in SocketSigner(path).checkpoint() else 2
            except ThermoscreenError:
                return 3

        try:
            assert _as_nobody(ask) == 0
        finally:
            thread.join(30)
            listening.close()
        assert os.stat(os.path.join(system, KEY)).st_mode & 0o777 == 0o600
