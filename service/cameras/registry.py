"""Every kind of camera there is, by the word that a specification starts with."""
from ..messages import CameraError
from .aravis import AravisCamera
from .pacing import SystemClock
from .replay import ReplayCamera
from .simulated import SimulatedCamera
from .spec import Options, split_spec
from .usb import RecordedCameraOverUsb, SimulatedCameraOverUsb, UsbCamera, VideoNodeCamera

#: Camera classes by kind. A class has ``from_spec(where, options, clock)``.
KINDS = {camera.kind: camera for camera in (SimulatedCamera, ReplayCamera, UsbCamera, VideoNodeCamera,
                                            SimulatedCameraOverUsb, RecordedCameraOverUsb, AravisCamera)}


def open_camera(spec, clock=None):
    """The camera of a specification, opened.

    ``usb``, ``usb:VID:PID``, ``v4l2:/dev/video0``, ``gige``, ``sim:SEED``, ``simusb:p2pro``, ``replay:FOLDER`` and so
    on, each with the options of its class, which follow as ``?rate=9&loop=1``.

    Args:
        spec (str): which camera.
        clock (SystemClock): where the time comes from; tests give another one.
    Returns:
        Camera: open; close it, or use it as a context manager.
    Raises:
        CameraError: ``camera-spec``, ``camera-missing`` or ``camera-bad-frame``.
    """
    camera = make_camera(spec, clock)
    camera.open()
    return camera


def make_camera(spec, clock=None):
    """The camera of a specification, not yet opened. Raises as `open_camera`."""
    kind, where, options = split_spec(spec)
    if kind not in KINDS:
        raise CameraError('camera-spec', 'There is no camera %r; it begins with one of %s, as "thermoscreen cameras" '
                          'shows.' % (spec, ', '.join(sorted(KINDS))))
    return KINDS[kind].from_spec(where, Options(spec, options), clock or SystemClock())
