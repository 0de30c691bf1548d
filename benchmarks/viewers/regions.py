"""Regions in viewers: how much of what they draw of each is what was sent, as Dice coefficient: 1 for every pixel."""
import base64
import os
import subprocess
from typing import Any, Dict, List, Optional

import cv2
import numpy as np

from .archive import Orthanc
from .documents import Read
from .ohif import Page, served

#: Of a region that is drawn with an edge on a larger canvas and told by its colour.
ENOUGH_DRAWN = 0.97

_HERE = os.path.dirname(os.path.abspath(__file__))


class Masks:
    """The regions that a file holds.

    Attributes:
        names: of the segments, in order.
        masks: bool NxHxW.
        picture_uid: of the picture that they lie on.
        series_uid, study_uid: of the file.
    """

    def __init__(self, path: str) -> None:
        import pydicom
        dataset = pydicom.dcmread(path)
        self.names = [str(segment.SegmentLabel) for segment in dataset.SegmentSequence]
        self.masks = dataset.pixel_array.astype(bool)
        picture = dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
        self.picture_uid = str(picture.ReferencedSOPInstanceUID)
        self.series_uid, self.study_uid = str(dataset.SeriesInstanceUID), str(dataset.StudyInstanceUID)

    def compared(self, viewer: str, drawn: List[np.ndarray], least: float = 1.0) -> Read:
        """What a viewer drew of each region.

        Args:
            viewer: its name.
            drawn: bool HxW each.
            least: the smallest Dice coefficient that is right.
        """
        found = [2.0 * (one & other).sum() / (one.sum() + other.sum()) for one, other in zip(self.masks, drawn)]
        bad = ['%s %.3f' % pair for pair in zip(self.names, found) if pair[1] < least]
        return Read(viewer, '%d regions, least Dice %.4f' % (len(found), min(found)), ', '.join(bad))


def in_dcmtk(path: str, masks: Masks, out: str) -> Read:
    """What DCMTK draws of each frame."""
    drawn = []
    for number in range(1, len(masks.names) + 1):
        picture = os.path.join(out, '%s.dcmtk-%d.png' % (os.path.basename(path), number))
        subprocess.run(['dcm2pnm', '+on', '--frame', str(number), path, picture], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        drawn.append(_lit(cv2.imread(picture, cv2.IMREAD_GRAYSCALE), masks))
    return masks.compared('dcm2pnm', drawn)


def in_orthanc(masks: Masks, orthanc: Orthanc, stored: str) -> Read:
    """What Orthanc renders of each frame."""
    return masks.compared('orthanc', [_lit(orthanc.frame(stored, number), masks) for number in range(len(masks.names))])


def in_dwv(tool: str, browser: Any, path: str, picture: str, masks: Masks, out: str) -> Read:
    """What dwv holds of a file that it shows over its picture.

    Args:
        tool: folder with the libraries of the program that drives viewers.
        browser: Chromium, launched by playwright.
        path, picture: the file, and that of the picture that it lies on.
        out: folder for what it looks like.
    """
    page_folder, libraries = os.path.join(out, 'dwv'), os.path.join(tool, 'node_modules')
    os.makedirs(page_folder, exist_ok=True)
    subprocess.run([os.path.join(libraries, '.bin', 'esbuild'), os.path.join(_HERE, 'regions.js'), '--bundle',
                    '--format=esm', '--log-level=error', '--outfile=' + os.path.join(page_folder, 'page.js')],
                   env=dict(os.environ, NODE_PATH=libraries), check=True)
    with open(os.path.join(page_folder, 'index.html'), 'w') as stream:
        stream.write('<!doctype html><meta charset=utf-8><style>body {margin: 0} #layer > div {position: absolute}'
                     '</style><body><script type=module src=page.js></script>')
    for source, name in ((picture, 'picture.dcm'), (path, 'regions.dcm')):
        with open(source, 'rb') as stream, open(os.path.join(page_folder, name), 'wb') as copy:
            copy.write(stream.read())
    with served(page_folder) as address:
        page = browser.new_page(viewport={'width': 640, 'height': 480})
        page.goto(address + '/index.html')
        page.wait_for_function('() => Boolean(window.drawRegions)', timeout=60000)
        told = page.evaluate('(names) => window.drawRegions(names)', ['picture.dcm', 'regions.dcm'])
        page.screenshot(path=os.path.join(out, os.path.basename(path) + '.dwv.png'))
        page.close()
    if told['errors'] or not told['labels']:
        return Read('dwv', 'nothing', '; '.join(sorted(set(told['errors']))) or 'no regions')
    return masks.compared('dwv', _of_labels(base64.b64decode(told['labels']), masks))


def in_ohif(page: Page, path: str, masks: Masks, out: str) -> List[Read]:
    """What OHIF holds of a file that it shows over its picture, and what stands on its canvas.

    Args:
        page: of the study, opened.
        path: the file.
        out: folder for what it looks like.
    """
    told = page.regions(masks.series_uid, masks.picture_uid, os.path.join(out, os.path.basename(path) + '.ohif.png'))
    if told['error'] or not told['labels']:
        return [Read('ohif', 'nothing', told['error'] or 'no regions')]
    shown = np.frombuffer(base64.b64decode(told['canvas']), np.uint8).astype(float)
    shown = shown.reshape(masks.masks.shape[1:] + (3,))
    return [masks.compared('ohif', _of_labels(base64.b64decode(told['labels']), masks)),
            masks.compared('canvas', _by_colour(shown, told['colours']), ENOUGH_DRAWN)]


def _lit(picture: Optional[np.ndarray], masks: Masks) -> np.ndarray:
    shape = masks.masks.shape[1:]
    return np.zeros(shape, bool) if picture is None or picture.shape != shape else picture > 0


def _of_labels(data: bytes, masks: Masks) -> List[np.ndarray]:
    labels = np.frombuffer(data, np.uint8)
    if labels.size != masks.masks[0].size:
        return [np.zeros(masks.masks.shape[1:], bool) for _ in masks.names]
    labels = labels.reshape(masks.masks.shape[1:])
    return [labels == number for number in range(1, len(masks.names) + 1)]


def _by_colour(shown: np.ndarray, colours: List[List[float]]) -> List[np.ndarray]:
    """Regions on a grey picture, by the colour that they tint it in.

    Args:
        shown: float HxWx3, red, green, blue.
        colours: of each region.
    """
    tint = shown - shown.mean(axis=2, keepdims=True)
    strength = np.linalg.norm(tint, axis=2)
    wanted = np.array(colours, float)[:, :3]
    wanted -= wanted.mean(axis=1, keepdims=True)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    nearest = np.argmax(tint @ wanted.T, axis=2)
    return [(nearest == number) & (strength > 8) for number in range(len(colours))]


def files_by_uid(paths: List[str]) -> Dict[str, str]:
    """Files by the UIDs of their objects."""
    import pydicom
    return {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): path for path in paths}
