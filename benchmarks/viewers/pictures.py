"""Pictures in viewers: grey levels, mean, window and values under a probe, against what the file holds."""
import json
import os
import subprocess
from typing import Dict, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from service.readers import read_thermogram

#: A smooth picture has at least so many grey levels, and its mean lies between.
LEVELS, MEAN = 60, (20, 235)
#: Where temperatures are compared: column, row.
PROBES = ((40, 40), (160, 120), (200, 170))
#: Share of the width of the window by which its ends may differ.
WINDOW_SHARE = 0.01


class Seen(NamedTuple):
    """What a viewer made of a file.

    Attributes:
        viewer: its name.
        levels, mean: of the grey of what it drew.
        window: value of black and of white, in units of the file; None where it is not known.
        probes: values at `PROBES`; empty where a viewer gives none.
        trouble: what it complained of.
    """

    viewer: str
    levels: int
    mean: float
    window: Optional[Tuple[float, float]] = None
    probes: Tuple[float, ...] = ()
    trouble: str = ''


def in_chromium(tool: str, paths: List[str], out: str) -> Dict[str, List[Seen]]:
    """What cornerstone3D and dwv draw, by the path of the file.

    Args:
        tool: folder of the program that drives them.
        out: folder for the pictures.
    """
    words = [word for path in paths for word in (path, os.path.join(out, os.path.basename(path) + '.png'))]
    for probe in PROBES:
        words += ['--probe', '%d,%d' % probe]
    done = subprocess.run(['node', os.path.join(tool, 'render.mjs')] + words + ['--viewer', 'all'],
                          stdout=subprocess.PIPE, universal_newlines=True)
    found: Dict[str, List[Seen]] = {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        window = told.get('window_seen')
        found.setdefault(told['file'], []).append(Seen(
            told['viewer'], told.get('grey_levels', 0), told.get('mean_grey', 0.0),
            (window['black'], window['white']) if window and window.get('black') is not None else None,
            tuple(probe['value'] for probe in told.get('probes', ()) if isinstance(probe['value'], (int, float))),
            '; '.join(map(str, told['errors']))))
    return found


def in_dcmtk(path: str, out: str) -> Seen:
    """What DCMTK draws with the first window of a file; a colour picture has none."""
    picture = os.path.join(out, os.path.basename(path) + '.dcmtk.png')
    done = subprocess.run(['dcm2pnm', '+on', '+Wi', '1', path, picture], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        done = subprocess.run(['dcm2pnm', '+on', path, picture], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
    return drawn('dcm2pnm', cv2.imread(picture) if os.path.exists(picture) else None, 'refused')


def drawn(viewer: str, picture: Optional[np.ndarray], trouble: str) -> Seen:
    """What was drawn, uint8 HxWx3; None for nothing, because of some trouble."""
    if picture is None:
        return Seen(viewer, 0, 0.0, trouble=trouble)
    grey = picture.mean(axis=2)
    return Seen(viewer, len(np.unique(grey.astype(np.uint8))), float(grey.mean()))


class Truth(NamedTuple):
    """What a file says of itself.

    Attributes:
        window: value of black and of white; None where it has none.
        probes: values at `PROBES`, in the unit in which a viewer has to give them; empty for a colour picture.
    """

    window: Optional[Tuple[float, float]] = None
    probes: Tuple[float, ...] = ()


def truth(path: str) -> Truth:
    """What a file says of itself."""
    import pydicom
    dataset = pydicom.dcmread(path)
    if 'FloatPixelData' in dataset:
        pixels = read_thermogram(path).pixels
        return Truth(None, tuple(float(pixels[y, x]) for x, y in PROBES))
    if dataset.SamplesPerPixel == 3:
        return Truth()
    slope, intercept = float(dataset.get('RescaleSlope', 1)), float(dataset.get('RescaleIntercept', 0))
    pixels = dataset.pixel_array if dataset.pixel_array.ndim == 2 else dataset.pixel_array[0]
    centre, width = float(dataset.WindowCenter) - 0.5, float(dataset.WindowWidth) - 1
    return Truth((centre - width / 2, centre + width / 2),
                 tuple(float(pixels[y, x]) * slope + intercept for x, y in PROBES))


def wrong(seen: Seen, expected: Truth, is_map: bool) -> str:
    """What is wrong with what a viewer drew, in a few words; empty for nothing."""
    if seen.trouble:
        return seen.trouble
    found = []
    if seen.levels < LEVELS and not is_map:  # whose window, from coldest to warmest, may be as wide as it likes
        found.append('%d grey levels' % seen.levels)
    if not MEAN[0] < seen.mean < MEAN[1]:
        found.append('mean grey %.0f' % seen.mean)
    if expected.probes and seen.probes:
        most = 0.005 if max(expected.probes) < 250 else 0
        if len(seen.probes) != len(PROBES) or max(map(lambda one, other: abs(one - other), seen.probes,
                                                      expected.probes)) > most:
            found.append('probes %s' % (seen.probes,))
    if expected.window and seen.window:
        low, high = expected.window
        if max(abs(seen.window[0] - low), abs(seen.window[1] - high)) > WINDOW_SHARE * (high - low):
            found.append('window %.2f to %.2f' % seen.window)
    return ', '.join(found)


