"""Which video devices there are, which one is meant, and which wire format it sends: by USB ids, then by picture size.

Never by size alone: 256x196 as YUYV is both a T2S+ and a camera whose pixels are no temperatures.
"""
import os
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...messages import CameraError, Message
from ..wire import FORMATS, WireFormat, formats_for
from .interface import Node, Offer, VideoSystem, camera_error

_NO_FORMULA = 'its maker publishes no formula from its values to temperatures'
_NO_PICTURE = 'its pixels have 8 bits, which is too coarse for temperatures'
_SERIAL = 'it uses a serial port, for which there is no driver here'

#: Thermal cameras over USB that are known and cannot be used: name and reason by vendor and product, four lower-case
#: hexadecimal digits each; more in docs/cameras.md.
UNUSABLE = {
    ('289d', '0010'): ('Seek Compact', _NO_FORMULA),
    ('289d', '0011'): ('Seek CompactPRO', _NO_FORMULA),
    ('04b4', '0100'): ('InfiRay T2S+ of the second version', 'the computer has to correct its picture, and its '
                                                             'absolute temperatures are then unreliable'),
    ('0416', 'b002'): ('Meridian SenXor MI08', _SERIAL),
    ('0416', 'b020'): ('Meridian SenXor MI16', _SERIAL),
    ('0416', '9393'): ('Meridian SenXor MI05', _SERIAL),
}

#: Cameras with the ids of one that can be used, of which they do not offer the picture.
_NAMESAKES = {('2bdf', '0102'): ('Hikmicro Mini', _NO_PICTURE)}


def why_unusable(vid: str, pid: str) -> Optional[Tuple[str, str]]:
    """Name of a known camera that cannot be used, and the reason; None for any other device."""
    return UNUSABLE.get((vid, pid))


def formats_of(node: Node) -> Tuple[WireFormat, ...]:
    """Wire formats of a node, the preferred one first; empty if it is not a known camera."""
    if not (node.capture and node.vid and node.pid):
        return ()
    try:
        return formats_for(int(node.vid, 16), int(node.pid, 16))
    except ValueError:
        return ()


def choose_format(formats: Sequence[WireFormat], offers: Sequence[Offer]) -> Optional[WireFormat]:
    """The first format that a device offers, or None; no offers at all mean that the device does not say."""
    sizes = {(offer.fourcc, offer.width, offer.height) for offer in offers}
    for wire in formats:
        if not sizes or (wire.fourcc, wire.width, wire.height) in sizes:
            return wire
    return None


def wire_named(name: str) -> Optional[WireFormat]:
    """The format of a name or of its beginning, such as ``'lepton'``; None if there is none over USB."""
    over_usb = [wire for wire in FORMATS.values() if wire.usb]
    for wire in over_usb:
        if wire.name == name:
            return wire
    return next((wire for wire in over_usb if wire.name.startswith(name)), None) if name else None


def unreadable(node: Node) -> CameraError:
    """The error for a device that is no camera this program can read."""
    known = why_unusable(node.vid, node.pid)
    next_step = 'Plug in one of the cameras in docs/cameras.md.'
    if known:
        return CameraError('camera-unusable', 'The %s cannot be used: %s.' % known, next_step, node.path)
    ids = ' (%s:%s)' % (node.vid, node.pid) if node.vid else ''
    return CameraError('camera-unknown', 'The video device %s, %s%s, is not a thermal camera that this program can '
                       'read.' % (node.path, node.name, ids), next_step)


def without_picture(node: Node, camera: str) -> CameraError:
    """The error for a device with the ids of a known camera that offers none of its pictures."""
    namesake = _NAMESAKES.get((node.vid, node.pid))
    if namesake:
        return CameraError('camera-unusable', 'The %s cannot be used: %s.' % namesake,
                           'Plug in one of the cameras in docs/cameras.md.', node.path)
    return wrong_pictures(camera)


def wrong_pictures(camera: str, what: str = 'offers none of the pictures that this program knows of it',
                   detail: str = '') -> CameraError:
    """The error for a known camera that does not deliver what it should."""
    return CameraError('camera-format', 'The %s %s.' % (camera, what),
                       'Update its firmware, or see docs/cameras.md.', detail)


class Choice:
    """One video device: the first known camera unless something narrows it down.

    Args:
        path: of a node or a link to it, such as ``'/dev/video0'``; ``''`` for any.
        ids: USB vendor and product, four hexadecimal digits each; empty for any known camera.
        wire: what it sends, if its ids do not tell; None to go by these.
    """

    def __init__(self, path: str = '', ids: Sequence[str] = (), wire: Optional[WireFormat] = None) -> None:
        self._path = path
        self._ids = tuple(part.lower() for part in ids)
        self._wire = wire
        self.name = 'camera %s' % path if path else ' '.join(('USB camera', ':'.join(self._ids))).strip()

    def find(self, nodes: Sequence[Node]) -> Tuple[Node, Tuple[WireFormat, ...]]:
        """The node and its formats, the preferred one first.

        Raises:
            CameraError: ``camera-missing``; ``camera-unknown`` or ``camera-unusable`` if only others are there.
        """
        meant = [node for node in nodes if node.capture and self._is_meant(node)]
        for node in meant:
            formats = self._formats(node)
            if formats:
                return node, formats
        if meant:
            raise unreadable(meant[0])
        raise CameraError('camera-missing', 'There is no %s.' % self.name,
                          'Plug it in, or see "thermoscreen cameras".')

    def _is_meant(self, node: Node) -> bool:
        if self._path and node.path not in (self._path, os.path.realpath(self._path)):
            return False
        return not self._ids or (node.vid, node.pid) == self._ids

    def _formats(self, node: Node) -> Tuple[WireFormat, ...]:
        if self._wire is None:
            return formats_of(node)
        # A format that was named is for the device that was named with it, or for a camera of that kind.
        return (self._wire,) if self._path or self._ids or self._wire in formats_of(node) else ()


@dataclass(frozen=True)
class ListedCamera:
    """One video device or thermal camera on USB.

    Attributes:
        node: where it is; without a path if it is not a video device.
        title: what it is, as this program calls it; its own name if it is unknown.
        spec: what ``--camera`` takes; ``''`` if it cannot be used.
        delivers: of the chosen format: ``format``, ``unit``, ``width``, ``height``, ``rate_hz``, ``netd_mk``,
            ``accuracy``; empty if it cannot be used.
        problem: why it cannot be used, or not now; None otherwise.
    """

    node: Node
    title: str
    spec: str = ''
    delivers: Dict[str, Any] = field(default_factory=dict)
    problem: Optional[Message] = None

    def to_dict(self) -> Dict[str, Any]:
        """As JSON values."""
        return {'path': self.node.path, 'name': self.node.name, 'vid': self.node.vid, 'pid': self.node.pid,
                'serial': self.node.serial, 'bus': self.node.bus, 'title': self.title, 'spec': self.spec,
                'delivers': self.delivers, 'problem': self.problem.to_dict() if self.problem else None}


def list_cameras(system: VideoSystem) -> List[ListedCamera]:
    """Every video device that carries pictures, and every thermal camera on USB that is no video device.

    Never raises because of a device.
    """
    nodes = [node for node in system.nodes() if node.capture] + list(system.others())
    known = [node for node in nodes if formats_of(node)]
    return [_listed(system, node, _spec(node, known)) for node in nodes]


def _spec(node: Node, known: Sequence[Node]) -> str:
    """The shortest specification that means this camera and stays right when it comes back as another node."""
    if node not in known:
        return ''
    if node == known[0]:
        return 'usb'
    alike = [other for other in known if (other.vid, other.pid) == (node.vid, node.pid)]
    return 'usb:%s:%s' % (node.vid, node.pid) if alike[0] == node else 'v4l2:%s' % node.path


def _listed(system: VideoSystem, node: Node, spec: str) -> ListedCamera:
    formats = formats_of(node)
    if not formats:
        return ListedCamera(node, node.name, problem=unreadable(node).message)
    title = formats[0].camera
    try:
        device = system.open(node.path)
        try:
            offers = device.formats()
        finally:
            device.close()
    except OSError as error:
        return ListedCamera(node, title, spec, problem=camera_error(error, title, node.path, opening=True).message)
    wire = choose_format(formats, offers)
    if wire is None:
        return ListedCamera(node, title, problem=without_picture(node, title).message)
    return ListedCamera(node, wire.camera, spec, {
        'format': wire.name, 'unit': wire.unit, 'width': wire.shape[1], 'height': wire.shape[0],
        'rate_hz': wire.rate_hz, 'netd_mk': wire.netd_mk, 'accuracy': wire.accuracy})
