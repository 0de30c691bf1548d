"""A signed exam whose pictures are real, the same to the last byte wherever and whenever it is made."""
import contextlib
import os
import tempfile
from unittest import mock

import numpy as np

from service.capture_file import pack_capture
from service.exams import Patient, Picture, library
from service.overlay import draw_overlay
from service.radiometry import Raw
from service.reading import read_signs
from service.record import encode_png
from service.thermogram import Thermogram

from ...fakes import frames
from ...fakes.pipelines import stub_pipeline
from ..exams.station import Station

ID = 'a1b2c3d4e5f60718'
ELENI = Patient('P-1', 'Παπαδοπούλου^Ελένη', '1970-12-31')
CONDITIONS = {'room_c': 21.5, 'humidity_percent': 41, 'acclimatisation_minutes': 15, 'notes': 'cold hands'}


#: In place of a drawn picture; its size is odd.
DRAWING = np.tile(np.arange(255, dtype=np.uint8)[:, np.newaxis], (301, 1, 3))


#: Rows and columns of the pictures of `PICTURES`; `frames.labels` are of larger ones.
SMALL = (60, 80)


def torso(role, size=(240, 320)):
    """A picture as it may be taken in a role."""
    return Thermogram.from_celsius(frames.torso(*size), role, emissivity=0.98)


def analysed(thermograms, drawn=False):
    """Pictures of thermograms, with what a stub of the network says of each; every OpenCV draws otherwise."""
    with stub_pipeline() as pipeline:
        for thermogram in thermograms:
            result = pipeline.analyse(thermogram)
            labels = b'' if result.labels is None else encode_png(result.labels)
            overlay = draw_overlay(result) if drawn else DRAWING
            yield Picture(pack_capture([Raw.of(thermogram)]), result.to_dict(), encode_png(overlay),
                          labels, {'kind': 'simulator'}, read_signs(result).to_dict())


def unjudged(thermograms):
    """Pictures of thermograms that no network has seen, which takes no time."""
    for thermogram in thermograms:
        result = {'outcome': 'no-result', 'unit': thermogram.unit, 'view': None, 'checks': [], 'backend': {},
                  'bundle': {'id': 'stub', 'version': '1.0.0', 'hash': '0' * 64}}
        yield Picture(pack_capture([Raw.of(thermogram)]), result, encode_png(DRAWING),
                      camera={'kind': 'simulator', 'name': 'Simulator', 'serial': 'S-1'})


@contextlib.contextmanager
def signed_exam(pictures, patient=ELENI, kept=analysed, order=None):
    """A station and the one exam that it keeps.

    Args:
        pictures: pairs of role and `Thermogram`, in order; those in the role ``dynamic`` are one series.
        order: what the worklist said.
        kept: makes a `Picture` of each thermogram.
    """
    with contextlib.ExitStack() as stack:
        memory = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
        station = Station(stack.enter_context(tempfile.TemporaryDirectory(dir=memory)))
        stack.callback(station.close)
        exams, frame = station.exams, 0
        with mock.patch.object(library, 'new_id', lambda: ID):
            exams.create(patient, 'op', CONDITIONS, order=order)
        stack.enter_context(mock.patch.object(library, '__version__', '1.2.3'))
        exams.start(ID, 'op')
        for (role, _), picture in zip(pictures, kept(thermogram for _, thermogram in pictures)):
            frame = frame + 1 if role == 'dynamic' else 0
            exams.add_capture(ID, 'op', role, picture, frame, times={'taken_s': 15.0 * frame} if frame > 1 else None)
        exams.review(ID, 'op')
        exams.sign(ID, 'chief')
        yield station, exams.get(ID)


def grey(size=(240, 320)):
    """A picture without temperatures, with every grey level."""
    return Thermogram.from_relative(np.linspace(0, 255, size[0] * size[1]).reshape(size).round(), 'picture')


def whole():
    """A frame whose coldest and warmest are whole degrees, one below zero and one whose word has its highest bit."""
    celsius = frames.torso(*SMALL).round(2)
    celsius[0, 0], celsius[-1, -1] = -5, 60
    return Thermogram.from_celsius(celsius, 'whole')


def hot():
    """A frame in which a lamp is warmer than a word holds."""
    celsius = frames.torso(*SMALL)
    celsius[:2, :2] = 500
    return Thermogram.from_celsius(celsius, 'lamp')


#: One picture of each kind: the side that it shows matters to nobody here.
PICTURES = (('frontal', torso('frontal', SMALL)), ('right-oblique', torso('right', SMALL)), ('left-oblique', whole()),
            ('right-lateral', hot()), ('left-lateral', grey(SMALL)))

#: Those of a dynamic series.
SERIES = tuple(('dynamic', Thermogram.from_celsius(frames.torso(*SMALL) - drop, 'dynamic'))
               for drop in (0, 2, 1.2, 0.5))
