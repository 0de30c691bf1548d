"""Whether the camera gives a frame."""
from ...cameras import open_camera
from ...errors import ThermoscreenError
from ..report import OK, PROBLEM, Report

#: Longer than one calibration pause of a shuttered camera (about a second on a Lepton).
_TIMEOUT_S = 5.0


def check(settings):
    """Open the camera of the settings and take one frame."""
    try:
        with open_camera(settings.camera) as camera:
            frame = camera.read(_TIMEOUT_S)
            facts = dict(camera.describe(), spec=settings.camera)
    except ThermoscreenError as error:
        return Report('camera', PROBLEM, error.message, facts=dict(error.to_dict(), spec=settings.camera))
    thermogram = frame.thermogram
    return Report('camera', OK, '%s gives %dx%d frames in %s.'
                  % (settings.camera, thermogram.width, thermogram.height,
                     'degrees Celsius' if thermogram.is_celsius else 'grey levels without temperatures'), facts=facts)
