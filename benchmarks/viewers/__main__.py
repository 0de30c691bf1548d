"""What the viewers of a hospital make of the objects that the station sends, against what it had.

An exam of phantoms is signed and made into DICOM objects. Each is checked by dciodvfy, and:

- pictures are drawn by cornerstone3D (the engine of OHIF, with WebGL and without) and dwv in Chromium, by DCMTK
  (dcm2pnm) and by Orthanc: enough grey levels, a mean grey that is neither black nor white, and values under a probe
  equal to the stored temperatures. Among the frames are those that some viewers spoil: coldest and warmest whole
  degrees, below zero, above 54.52 °C;
- regions are drawn by DCMTK, Orthanc, dwv and OHIF: the Dice coefficient of each with the mask that was sent;
- measurements are listed by DCMTK (dsrdump, dsr2html): every number against the results of the exam;
- the report is taken out again by DCMTK, Orthanc and OHIF, byte for byte, and its pages are drawn by pdftoppm;
- a length is measured on a thermogram in OHIF, which must not be in millimetres.

The exit code is 1 where something is wrong that docs/hospital.md does not say.

    python -m benchmarks.viewers --tool FOLDER [--ohif FOLDER] [--out FOLDER]
"""
import contextlib
import os
import shutil
import subprocess
import tempfile
from typing import Dict, Iterator, List, Optional

import click

from ..conditions import conditions
from . import documents, regions
from .archive import Orthanc
from .documents import Read
from .exam import Sent, send
from .ohif import ARGUMENTS, Page, served
from .pictures import in_chromium, in_dcmtk, truth, wrong


@click.command()
@click.option('--tool', type=click.Path(exists=True), required=True,
              help='Folder of the program that drives cornerstone3D and dwv (render.mjs), built.')
@click.option('--ohif', type=click.Path(exists=True), default=None,
              help='The folder dist of @ohif/app, as npm pack gives it. Default: without OHIF.')
@click.option('--out', type=click.Path(), default=None, help='New folder for files and pictures. Default: none.')
def main(tool: str, ohif: Optional[str], out: Optional[str]) -> None:
    """Print what each viewer makes of each object, and whether it is right."""
    work = tempfile.mkdtemp(prefix='thermoscreen-viewers-')
    orthanc = Orthanc(os.path.join(work, 'archive'))
    try:
        kept = os.path.abspath(out or os.path.join(work, 'out'))
        os.makedirs(kept)
        sent, paths = send(os.path.join(work, 'exams')), []
        for name, data in sorted(sent.files.items()):
            paths.append(os.path.join(kept, name + '.dcm'))
            with open(paths[-1], 'wb') as stream:
                stream.write(data)
        print('%s; %d objects' % (conditions(1), len(paths)))
        print('%-28s %-8s %6s %6s  %-22s %s' % ('object', 'viewer', 'levels', 'mean', 'black to white', 'verdict'))
        bad = sum(map(_checked, paths))
        pictures = [path for path in paths if _kind(path) not in ('regions', 'measurements', 'report')]
        bad += _pictures(pictures, tool, kept, orthanc)
        with _browser() as browser:
            bad += _others(paths, sent, tool, kept, orthanc, browser)
            if ohif is not None:
                bad += _in_ohif([path for path in paths if not path.endswith('-celsius.dcm')], sent, ohif, kept,
                                orthanc, browser)
        print('everything is shown right' if not bad else '%d wrong' % bad)
    finally:
        orthanc.close()
        shutil.rmtree(work)
    raise SystemExit(1 if bad else 0)


def _kind(path: str) -> str:
    return os.path.basename(path).split('.')[0].split('-')[1]


def _name(path: str) -> str:
    return os.path.basename(path)[:-4]


def _checked(path: str) -> int:
    done = subprocess.run(['dciodvfy', '-new', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    errors = sum(line.startswith(b'Error') for line in done.stdout.splitlines())
    print('%-28s %-8s %38s%s' % (_name(path), 'dciodvfy', '', 'ok' if not errors else '%d errors' % errors))
    return errors


def _pictures(paths: List[str], tool: str, out: str, orthanc: Orthanc) -> int:
    """Print what viewers make of pictures, and give how much of that is wrong."""
    chromium, bad = in_chromium(tool, paths, out), 0
    for path in paths:
        expected, is_map, name = truth(path), 'map' in path, _name(path)
        stored = orthanc.store(path)
        drawn = orthanc.draw(stored, path + '.orthanc.png')
        orthanc.delete(stored)
        for seen in chromium.get(path, []) + [in_dcmtk(path, out), drawn]:
            said = wrong(seen, expected, is_map)
            # A map is for programs, and one engine alone shows it; DCMTK makes rings of degrees with a fraction.
            is_known = is_map and not seen.viewer.startswith('cs') or (
                '-celsius' in path and seen.viewer == 'dcm2pnm')
            bad += bool(said) and not is_known
            print('%-28s %-8s %6d %6.1f  %-22s %s' % (
                name, seen.viewer, seen.levels, seen.mean, '%.2f to %.2f' % seen.window if seen.window else '-',
                ('as is known: ' if said and is_known else '') + (said or 'ok')))
    return bad


def _others(paths: List[str], sent: Sent, tool: str, out: str, orthanc: Orthanc, browser: object) -> int:
    """Print what viewers make of regions, measurements and the report, and give how much of that is wrong."""
    by_uid, bad = regions.files_by_uid([path for path in paths if not path.endswith('-celsius.dcm')]), 0
    for path in paths:
        kind = _kind(path)
        if kind not in ('regions', 'measurements', 'report'):
            continue
        stored = orthanc.store(path)
        if kind == 'regions':
            masks = regions.Masks(path)
            bad += _told(path, [regions.in_dcmtk(path, masks, out), regions.in_orthanc(masks, orthanc, stored),
                                regions.in_dwv(tool, browser, path, by_uid[masks.picture_uid], masks, out)])
        elif kind == 'measurements':
            bad += _told(path, documents.read_measurements(path, sent, orthanc, stored))
        else:
            bad += _told(path, documents.read_report(path, sent, out, orthanc, stored))
        orthanc.delete(stored)
    return bad


def _in_ohif(paths: List[str], sent: Sent, ohif: str, out: str, orthanc: Orthanc, browser: object) -> int:
    """Print what OHIF makes of the whole study, and give how much of that is wrong."""
    series: Dict[str, str] = {}
    import pydicom
    for path in paths:
        orthanc.store(path)
        series[path] = str(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID)
    study = str(pydicom.dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
    bad = 0
    with served(ohif, orthanc.url) as address:
        page = Page(browser, address, study, len(set(series.values())))
        listed = page.series()
        for path in paths:
            if _kind(path) == 'regions':
                bad += _told(path, regions.in_ohif(page, path, regions.Masks(path), out))
            elif _kind(path) == 'measurements':
                # It draws measurements that have a place in a picture, and ours have none.
                bad += _told(path, [Read('ohif', 'listed, not drawn', '' if series[path] in listed else 'not listed')])
            elif _kind(path) == 'report':
                taken, padded = page.pdf(series[path]), sent.report + b'\0' * (len(sent.report) % 2)
                bad += _told(path, [Read('ohif', '%d bytes, padding included' % len(taken),
                                         '' if taken == padded else 'others')])
        thermogram = next(path for path in paths if _kind(path) == 'temperature')
        lengths = page.lengths(series[thermogram], thermogram + '.ohif.png')
        bad += _told(thermogram, [Read('ohif', 'length %s' % ', '.join('%.1f %s' % tuple(one) for one in lengths),
                                       '' if lengths and all(unit == 'px' for _, unit in lengths) else 'unit')])
        page.close()
    return bad


def _told(path: str, found: List[Read]) -> int:
    for read in found:
        print('%-28s %-8s %-38s%s' % (_name(path), read.viewer, read.what, (
            'as is known: ' if read.wrong and read.is_known else '') + (read.wrong or 'ok')), flush=True)
    return sum(bool(read.wrong) and not read.is_known for read in found)


@contextlib.contextmanager
def _browser() -> Iterator[object]:
    """Chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which('chromium'), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


if __name__ == '__main__':
    main()
