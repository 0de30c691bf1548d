"""What the viewers of a hospital make of the pictures that the station sends, against what it stored.

An exam of phantoms is signed and made into DICOM objects. Each is checked by dciodvfy, drawn by cornerstone3D (the
engine of OHIF, with WebGL and without) and dwv in Chromium, by DCMTK (dcm2pnm) and by Orthanc, and what they drew is
compared: enough grey levels, a mean grey that is neither black nor white, and values under a probe equal to the stored
temperatures. Among the frames are those that some viewers spoil: coldest and warmest whole degrees, below zero, above
54.52 °C. The exit code is 1 where one is drawn wrongly.

    python -m benchmarks.viewers --tool FOLDER [--out FOLDER]
"""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import click
import cv2
import numpy as np

from service.capture_file import pack_capture
from service.clock import Clock
from service.exams import DYNAMIC, Exams, Patient, Picture
from service.hospital.dicom import make_objects
from service.hospital.site import CELSIUS, Site
from service.overlay import draw_overlay
from service.pipeline import Pipeline
from service.radiometry import Raw
from service.readers import read_thermogram
from service.record import encode_png
from service.sealing import PlainSealer
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.thermogram import Thermogram

from .conditions import conditions

#: A smooth picture has at least so many grey levels, and its mean lies between.
LEVELS, MEAN = 60, (20, 235)
#: Where temperatures are compared: column, row.
PROBES = ((40, 40), (160, 120), (200, 170))
#: Share of the width of the window by which its ends may differ.
WINDOW_SHARE = 0.01

_HEIGHT, _WIDTH = 240, 320


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


def frames() -> Iterator[Tuple[str, Thermogram]]:
    """Role and picture of each capture."""
    body = make_phantom(3, _HEIGHT, _WIDTH).celsius
    yield 'frontal', Thermogram.from_celsius(body, 'phantom')
    yield 'right-oblique', Thermogram.from_celsius(_between(body, 20, 36), 'whole degrees')
    yield 'left-oblique', Thermogram.from_celsius(_between(body, -5, 60), 'whole degrees, below zero and hot')
    yield 'right-lateral', Thermogram.from_celsius(_between(body, -17, 240), 'whole degrees, very hot')
    yield 'left-lateral', Thermogram.from_relative(np.rint((body - 18) * 14), 'a grey picture')
    for drop in (0, 3, 2, 1):
        yield DYNAMIC, Thermogram.from_celsius(body - drop, 'series')


def _between(celsius: np.ndarray, low: float, high: float) -> np.ndarray:
    """Temperatures in hundredths, of which the coldest and the warmest are these."""
    changed = np.round(celsius, 2)
    changed[0, 0], changed[-1, -1] = low, high
    return changed


def objects(folder: str) -> Dict[str, bytes]:
    """The files of a signed exam of `frames`, by their names.

    Args:
        folder: where the exam may be kept.
    """
    exams = Exams(folder, PlainSealer(), None, Clock(synchronised=lambda: True), lambda folder: None)
    exam_id = exams.create(Patient('P-1', 'Παπαδοπούλου^Ελένη', '1970-12-31'), 'op', {'room_c': 21.5}).id
    exams.start(exam_id, 'op')
    frame = 0
    with Pipeline.from_folder(SHIPPED_BUNDLE, 1) as pipeline:
        for role, thermogram in frames():
            frame = frame + 1 if role == DYNAMIC else 0
            result = pipeline.analyse(thermogram)
            labels = b'' if result.labels is None else encode_png(result.labels)
            exams.add_capture(exam_id, 'op', role, Picture(
                pack_capture([Raw.of(thermogram)]), result.to_dict(), encode_png(draw_overlay(result)), labels), frame)
    exams.review(exam_id, 'op')
    exams.sign(exam_id, 'chief')
    exam, made = exams.get(exam_id), {}
    for unit, kinds in (('hundredths', ('temperature', 'series', 'picture', 'map')), (CELSIUS, ('temperature',))):
        for one in make_objects(exams, exam, Site(objects=kinds, unit=unit)):
            is_degrees = unit == CELSIUS and 'grey' not in one.name
            name = one.name.replace('object/', '').replace('/', '-') + ('-celsius' if is_degrees else '')
            if (name[:4] <= '0001' or 'picture' not in name) and name[:4] <= '0006':
                made[name] = one.data
    exams.close()
    return made


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
    return _drawn('dcm2pnm', cv2.imread(picture) if os.path.exists(picture) else None, 'refused')


class Orthanc:
    """An archive on this machine alone, for as long as it is used."""

    def __init__(self, folder: str) -> None:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self._url = 'http://127.0.0.1:%d' % port
        path = os.path.join(folder, 'orthanc.json')
        with open(path, 'w') as stream:
            json.dump({'StorageDirectory': folder, 'IndexDirectory': folder, 'HttpPort': port,
                       'DicomServerEnabled': False, 'AuthenticationEnabled': False}, stream)
        self._log = open(os.path.join(folder, 'orthanc.log'), 'w')
        self._process = subprocess.Popen(['Orthanc', path], stdout=self._log, stderr=self._log)
        for _ in range(100):
            try:
                self._ask('/system')
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit('Orthanc does not start')

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def draw(self, path: str, out: str) -> Seen:
        """What it renders of a file with the window of the file."""
        with open(path, 'rb') as stream:
            stored = json.loads(self._ask('/instances', stream.read()).decode('utf-8'))['ID']
        try:
            data = self._ask('/instances/%s/rendered' % stored)
        except OSError as error:
            return Seen('orthanc', 0, 0.0, trouble=str(error))
        with open(os.path.join(out, os.path.basename(path) + '.orthanc.png'), 'wb') as stream:
            stream.write(data)
        return _drawn('orthanc', cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), 'no picture')

    def _ask(self, way: str, body: Optional[bytes] = None) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self._url + way, body, {'Accept': 'image/png'} if 'rendered'
                                                           in way else {}), timeout=60) as answer:
            return bytes(answer.read())


def _drawn(viewer: str, picture: Optional[np.ndarray], trouble: str) -> Seen:
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


@click.command()
@click.option('--tool', type=click.Path(exists=True), required=True,
              help='Folder of the program that drives cornerstone3D and dwv (render.mjs), built.')
@click.option('--out', type=click.Path(), default=None, help='New folder for files and pictures. Default: none.')
def main(tool: str, out: Optional[str]) -> None:
    """Print what each viewer makes of each object, and whether it is right."""
    work = tempfile.mkdtemp(prefix='thermoscreen-viewers-')
    orthanc = Orthanc(work)
    try:
        kept = out or os.path.join(work, 'out')
        os.makedirs(kept)
        paths = []
        for name, data in sorted(objects(os.path.join(work, 'exams')).items()):
            paths.append(os.path.join(kept, name + '.dcm'))
            with open(paths[-1], 'wb') as stream:
                stream.write(data)
        chromium = in_chromium(tool, paths, kept)
        print('%s; %d objects' % (conditions(1), len(paths)))
        print('%-28s %-8s %6s %6s  %-20s %s' % ('object', 'viewer', 'levels', 'mean', 'black to white', 'verdict'))
        bad = 0
        for path in paths:
            checked = subprocess.run(['dciodvfy', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            errors = sum(line.startswith(b'Error') for line in checked.stdout.splitlines())
            print('%-28s %-8s %36s%s' % (os.path.basename(path)[:-4], 'dciodvfy', '', 'ok' if not errors
                                           else '%d errors' % errors))
            expected, is_map = truth(path), 'map' in path
            for seen in chromium.get(path, []) + [in_dcmtk(path, kept), orthanc.draw(path, kept)]:
                said = wrong(seen, expected, is_map)
                # A map is for programs, and one engine alone shows it; DCMTK makes rings of degrees with a fraction.
                is_known = is_map and not seen.viewer.startswith('cs') or (
                    '-celsius' in path and seen.viewer == 'dcm2pnm')
                bad += bool(said) and not is_known
                print('%-28s %-8s %6d %6.1f  %-20s %s' % (
                    '', seen.viewer, seen.levels, seen.mean, '%.2f to %.2f' % seen.window if seen.window else '-',
                    ('as is known: ' if said and is_known else '') + (said or 'ok')))
            bad += errors
        print('everything is drawn right' if not bad else '%d wrong' % bad)
    finally:
        orthanc.close()
        shutil.rmtree(work)
    raise SystemExit(1 if bad else 0)


if __name__ == '__main__':
    main()
