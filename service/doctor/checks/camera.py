"""Whether the camera gives a frame."""
from dataclasses import replace

from ...cameras.registry import open_camera
from ...cameras.simulated import SimulatedCamera
from ...cameras.specification import split_spec
from ...cameras.v4l2 import LinuxVideoSystem, SimulatedCameraOverUsb, list_cameras
from ...messages import OK, Message, ThermoscreenError

#: Longer than one calibration pause of a shuttered camera (about a second on a Lepton).
_TIMEOUT_S = 5.0

_SIMULATED = (SimulatedCamera.kind, SimulatedCameraOverUsb.kind)


def check(settings, system=None):
    """Open the camera of the settings and take one frame.

    Args:
        settings (Settings): which camera.
        system (VideoSystem): where USB cameras are looked for; the kernel's where None.
    """
    plugged = list_cameras(system or LinuxVideoSystem())
    seen = {'spec': settings.camera, 'plugged_in': [found.to_dict() for found in plugged]}
    try:
        with open_camera(settings.camera) as camera:
            frame = camera.read(_TIMEOUT_S)
            facts = dict(camera.describe(), condition=frame.condition.to_dict(), **seen)
    except ThermoscreenError as error:
        return replace(error.message, next_step=_instead(error, plugged) or error.message.next_step, subject='camera',
                       facts=dict(seen, detail=error.detail))
    thermogram = frame.thermogram
    sentence = '%s gives %dx%d frames in %s.' % (
        settings.camera, thermogram.width, thermogram.height,
        'degrees Celsius' if thermogram.is_celsius else 'grey levels without temperatures')
    return Message('camera-ok', sentence, _unused(settings.camera, plugged), OK, 'camera', facts)


def _instead(error, plugged):
    """Where a camera is missing, what is there: one that could be used, or the reason why it cannot."""
    if error.code != 'camera-missing':
        return ''
    usable = next((found for found in plugged if found.spec and not found.problem), None)
    if usable:
        return 'A %s is plugged in: --camera %s' % (usable.title, usable.spec)
    return next((found.problem.text for found in plugged if found.problem), '')


def _unused(spec, plugged):
    if split_spec(spec)[0] not in _SIMULATED:
        return ''
    usable = next((found for found in plugged if found.spec), None)
    return 'A %s is plugged in and not used: --camera %s' % (usable.title, usable.spec) if usable else ''
