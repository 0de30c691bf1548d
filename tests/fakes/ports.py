"""Ports for servers that a test starts."""
import random
import socket

#: Below those that Linux gives to connections, which come and go on a machine that runs many tests.
_PORTS = range(20000, 32768)


def free_port():
    """A TCP port of 127.0.0.1 that nothing listens on."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass
