"""What is plugged in, what it is, and what it delivers."""
from dataclasses import dataclass, field
from typing import Optional

from ...messages import CameraError, Message
from .selection import choose_format, formats_of, unknown
from .trouble import trouble


@dataclass(frozen=True)
class Found:
    """One video device or thermal camera on USB.

    Attributes:
        node (Node): where it is; without a path where it is no video device.
        title (str): what it is, as this program calls it; its own name where it is unknown.
        spec (str): what ``--camera`` and ``--source`` take; ``''`` where it cannot be used.
        delivers (dict): of the chosen format: ``format``, ``unit``, ``width``, ``height``, ``rate_hz``, ``netd_mk``,
            ``accuracy``; empty where it cannot be used.
        problem (Message): why it cannot be used, or not now; None otherwise.
    """

    node: object
    title: str
    spec: str = ''
    delivers: dict = field(default_factory=dict)
    problem: Optional[Message] = None

    def to_dict(self):
        """As JSON values."""
        return {'path': self.node.path, 'name': self.node.name, 'vid': self.node.vid, 'pid': self.node.pid,
                'serial': self.node.serial, 'bus': self.node.bus, 'title': self.title, 'spec': self.spec,
                'delivers': self.delivers, 'problem': self.problem.to_dict() if self.problem else None}


def list_cameras(system):
    """Every video device that carries pictures, and every thermal camera on USB that is no video device.

    Args:
        system (VideoSystem): where to look.
    Returns:
        list of Found: never raises for what it finds.
    """
    nodes = [node for node in system.nodes() if node.capture] + list(system.others())
    known = [node for node in nodes if formats_of(node)]
    return [_found(system, node, _spec(node, known)) for node in nodes]


def _spec(node, known):
    """The shortest specification that means this camera and stays right when it comes back as another node."""
    if node not in known:
        return ''
    if node == known[0]:
        return 'usb'
    alike = [other for other in known if (other.vid, other.pid) == (node.vid, node.pid)]
    return 'usb:%s:%s' % (node.vid, node.pid) if alike[0] == node else 'v4l2:%s' % node.path


def _found(system, node, spec):
    formats = formats_of(node)
    if not formats:
        return Found(node, node.name, problem=unknown(node).message)
    title = formats[0].camera
    try:
        offers = _offers(system, node)
    except OSError as error:
        return Found(node, title, spec, problem=trouble(error, title, node.path, opening=True).message)
    wire = choose_format(formats, offers)
    if wire is None:
        return Found(node, title, problem=CameraError(
            'camera-format', 'The %s offers none of the pictures that this program knows of it.' % title,
            'Update its firmware, or see docs/cameras.md.').message)
    return Found(node, wire.camera, spec, {
        'format': wire.name, 'unit': wire.unit, 'width': wire.shape[1], 'height': wire.shape[0],
        'rate_hz': wire.rate_hz, 'netd_mk': wire.netd_mk, 'accuracy': wire.accuracy})


def _offers(system, node):
    device = system.open(node.path)
    try:
        return device.formats()
    finally:
        device.close()
