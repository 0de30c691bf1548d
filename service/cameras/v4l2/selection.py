"""Which video device is meant, and which wire format it speaks: by USB ids first, then by picture size.

Never by size alone: 256x196 as YUYV is both a T2S+ and a camera whose pixels are no temperatures.
"""
import os

from ...messages import CameraError
from ..wire import FORMATS, formats_for
from .unusable import why_not


def formats_of(node):
    """Wire formats of a `Node`, the one to prefer first; empty where it is no known camera."""
    if not (node.capture and node.vid and node.pid):
        return ()
    try:
        return formats_for(int(node.vid, 16), int(node.pid, 16))
    except ValueError:
        return ()


class Choice:
    """One video device: the first known camera where nothing narrows it.

    Args:
        path (str): of a node or a link to it, such as ``'/dev/video0'``; ``''`` for any.
        ids (tuple of str): USB vendor and product, four hexadecimal digits each; empty for any known camera.
        wire (WireFormat): what it speaks, for one whose ids do not say; None to go by these.
    """

    def __init__(self, path='', ids=(), wire=None):
        self._path = path
        self._ids = tuple(part.lower() for part in ids)
        self._wire = wire
        self.name = 'camera %s' % path if path else ' '.join(('USB camera', ':'.join(self._ids))).strip()

    def find(self, nodes):
        """The `Node` and its formats, the one to prefer first.

        Args:
            nodes (list of Node): those there are.
        Raises:
            CameraError: ``camera-missing``; ``camera-unknown`` or ``camera-unusable`` where only others are there.
        """
        meant = [node for node in nodes if node.capture and self._is_meant(node)]
        for node in meant:
            formats = self._formats(node)
            if formats:
                return node, formats
        if meant:
            raise unknown(meant[0])
        raise CameraError('camera-missing', 'There is no %s; plug it in, or see "thermoscreen cameras".' % self.name)

    def _is_meant(self, node):
        if self._path and node.path not in (self._path, os.path.realpath(self._path)):
            return False
        return not self._ids or (node.vid, node.pid) == self._ids

    def _formats(self, node):
        if self._wire is None:
            return formats_of(node)
        # A format that was named is for the device that was named with it, or for a camera of that kind.
        return (self._wire,) if self._path or self._ids or self._wire in formats_of(node) else ()


def unknown(node):
    """The error for a device that is no camera this program can read."""
    known = why_not(node.vid, node.pid)
    if known:
        return CameraError('camera-unusable', 'The %s cannot be used: %s; plug in one of the cameras in '
                           'docs/cameras.md.' % known, detail=node.path)
    ids = ' (%s:%s)' % (node.vid, node.pid) if node.vid else ''
    return CameraError('camera-unknown', 'The video device %s, %s%s, is no thermal camera that this program can read; '
                       'plug in one of those in docs/cameras.md.' % (node.path, node.name, ids))


def choose_format(formats, offers):
    """The first format that a device offers, or None.

    Args:
        formats (tuple of WireFormat): the one to prefer first.
        offers (list of Offer): of the device; an empty list means that it does not say.
    """
    sizes = {(offer.fourcc, offer.width, offer.height) for offer in offers}
    for wire in formats:
        if not sizes or (wire.fourcc, wire.width, wire.height) in sizes:
            return wire
    return None


def wire_named(name):
    """The `WireFormat` of a name or of its beginning, such as ``'lepton'``; None where there is none over USB."""
    over_usb = [wire for wire in FORMATS.values() if wire.usb]
    for wire in over_usb:
        if wire.name == name:
            return wire
    return next((wire for wire in over_usb if wire.name.startswith(name)), None) if name else None
