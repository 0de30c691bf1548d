"""What can be said of a frame before the network has seen it."""
import numpy as np

from ..result import Check

#: Means over a clipped neighbourhood differ by the rounding of float32 only.
_SAME_VALUE = np.float32(1e-3)


def check_frame(thermogram, body, limits):
    """The checks that need no labels, in the order in which an operator would act on them.

    Args:
        thermogram (Thermogram): the frame.
        body (Body): its body mask.
        limits (QualityLimits): what is required.
    Returns:
        tuple of Check: stops at the first that fails, since the later ones would only repeat it.
    """
    checks = []
    for check in (_signal, _saturation, _body, _skin):
        checks.append(check(thermogram, body, limits))
        if not checks[-1].passed:
            break
    return tuple(checks)


def _signal(thermogram, body, limits):
    span = float(body.reduced.max() - body.reduced.min())
    needed = limits.min_range_c if thermogram.is_celsius else limits.min_range_grey
    if span >= needed:
        return Check('signal', True, 'The picture has contrast.')
    return Check('signal', False, 'The whole picture has the same value.',
                 'Check that the lens is uncovered and that the camera has finished calibrating.')


def _saturation(thermogram, body, limits):
    # On the reduced frame, whose pixels are means: only where a whole neighbourhood clips do they all
    # come out at the highest value.
    highest = body.reduced.max()
    share = float(np.mean(body.reduced > highest - _SAME_VALUE))
    if share <= limits.max_saturated_share:
        return Check('saturation', True, 'No part of the picture is saturated.')
    return Check('saturation', False, '%.0f %% of the picture is at the highest value that can be shown.'
                 % (100 * share), 'Choose the camera range for body temperature and take the picture again.')


def _body(thermogram, body, limits):
    needed = limits.min_contrast_c if thermogram.is_celsius else limits.min_contrast_grey
    if body.share >= limits.min_body_share and body.contrast >= needed:
        return Check('body', True, 'A body stands out from the background.')
    if body.share < limits.min_body_share:
        return Check('body', False, 'There is no body in the picture, or it is too far away.',
                     'Place the patient in front of the camera, about 1 m away.')
    return Check('body', False, 'The body is hardly warmer than what is behind it.',
                 'Remove heat sources behind the patient and cool the room to 18 to 25 C.')


def _skin(thermogram, body, limits):
    if not thermogram.is_celsius:
        return Check('skin-range', True, 'The picture has no temperatures, so their range cannot be checked.')
    if limits.skin_low_c <= body.level <= limits.skin_high_c:
        return Check('skin-range', True, 'The body is in the range of skin temperature.')
    return Check('skin-range', False, 'The warm area is at %.1f C; skin is at %.0f to %.0f C.'
                 % (body.level, limits.skin_low_c, limits.skin_high_c),
                 'Check the camera range, its emissivity (0.98) and the scale that the file was read with.')
