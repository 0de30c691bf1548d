"""No test leaves this machine: the guard itself, tested."""
import socket

import pytest

#: Reserved for documentation (RFC 5737 and 2606): nothing answers there even if the guard fails.
OUTSIDE = ('192.0.2.1', 80)


def test_outside_is_refused():
    with socket.socket() as client:
        client.settimeout(0.1)
        with pytest.raises(pytest.fail.Exception):
            client.connect(OUTSIDE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        with pytest.raises(pytest.fail.Exception):
            sender.sendto(b'x', OUTSIDE)
    with pytest.raises(pytest.fail.Exception):
        socket.getaddrinfo('thermoscreen.example', 80)


@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost'])
def test_this_machine_is_reached(host):
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        server.listen(1)
        with socket.create_connection((host, server.getsockname()[1]), timeout=5):
            pass
