"""Every kind of camera there is, and how one is chosen: by the word that its specification starts with.

To add a kind, write a `Camera` with a `from_spec` in a module of its own and add it to `KINDS`.
"""
from typing import Dict, Optional, Type

from ..messages import CameraError, did_you_mean
from .aravis import AravisCamera
from .base import Camera
from .clock import SystemClock
from .replay import ReplayCamera
from .simulated import SimulatedCamera
from .specification import Options, split_spec
from .v4l2 import RecordedCameraOverUsb, SimulatedCameraOverUsb, UsbCamera, VideoNodeCamera

#: Every kind of camera by the word that a specification starts with.
KINDS: Dict[str, Type[Camera]] = {
    camera.kind: camera for camera in (SimulatedCamera, ReplayCamera, UsbCamera, VideoNodeCamera,
                                       SimulatedCameraOverUsb, RecordedCameraOverUsb, AravisCamera)}


def open_camera(spec: str, clock: Optional[SystemClock] = None) -> Camera:
    """The camera of a specification, opened; close it, or use it as a context manager.

    ``usb``, ``usb:VID:PID``, ``v4l2:/dev/video0``, ``gige``, ``sim:SEED``, ``simusb:p2pro``, ``replay:FOLDER`` and so
    on, each with the options of its class, which follow as ``?rate=9&loop=1``.

    Args:
        spec: which camera.
        clock: where the time comes from; tests replace it.
    Raises:
        CameraError: ``camera-spec``, ``camera-missing`` or ``camera-bad-frame``.
    """
    camera = make_camera(spec, clock)
    camera.open()
    return camera


def make_camera(spec: str, clock: Optional[SystemClock] = None) -> Camera:
    """The camera of a specification, not yet opened. Raises as `open_camera`."""
    kind, where, options = split_spec(spec)
    if kind not in KINDS:
        raise CameraError('camera-spec', 'There is no camera %r: a camera begins with one of %s.'
                          % (spec, ', '.join(sorted(KINDS))),
                          did_you_mean(kind, KINDS) or 'thermoscreen cameras lists what is plugged in; sim is a '
                          'simulated camera.')
    return KINDS[kind].from_spec(where, Options(spec, options), clock or SystemClock())
