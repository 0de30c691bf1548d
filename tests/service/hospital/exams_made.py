"""Exams as a station keeps them, with pictures of a schematic torso or of a phantom."""
from service.capture_file import pack_capture
from service.clock import Clock
from service.exams import DYNAMIC, Exams, Patient, Picture, guide
from service.overlay import draw_overlay
from service.radiometry import Raw
from service.reading import read_signs
from service.record import encode_png
from service.sealing import PlainSealer
from service.thermogram import Thermogram

from ...fakes import frames

ZOE = Patient('P-1', 'Zoë O\'Hara', '1970-12-31')

#: What a camera says of itself.
CAMERA = {'kind': 'lepton', 'name': 'FLIR Lepton 3.5 (PureThermal)', 'serial': '0042-7', 'netd_mk': 50.0,
          'accuracy': 'The maker states ±5 °C (high gain, 35 °C blackbody, 25 °C room).', 'ffc': 'complete',
          'ffc_age_s': 12.0, 'fpa_c': 28.5}


def store(folder, utc_s=1.8e9):
    """A store in the clear; each event comes a minute after the one before, from 2027-01-15 on."""
    passed = [0]

    def now():
        passed[0] += 60
        return utc_s + passed[0]
    return Exams(str(folder), PlainSealer(), None, Clock('', now, lambda: True, 'one', lambda: passed[0] * 10 ** 9),
                 room=lambda folder: None)


def pictured(pipeline, values=None, relative=False, camera=None, distance_m=1.0):
    """A picture as an exam keeps it: of an even torso by default."""
    make = Thermogram.from_relative if relative else Thermogram.from_celsius
    thermogram = make(frames.torso() if values is None else values, 'made', reader='made', emissivity=0.98)
    result = pipeline.analyse(thermogram)
    return Picture(pack_capture([Raw.of(thermogram)]), result.to_dict(), encode_png(draw_overlay(result)),
                   b'' if result.labels is None else encode_png(result.labels), camera or CAMERA,
                   read_signs(result, distance_m, 57.0).to_dict())


def examined(exams, pictures, patient=ZOE, conditions=None, deviations=(), until='sign', protocol=guide.STATIC):
    """An exam with pictures by their roles, up to ``'review'`` or ``'sign'``."""
    exam = exams.create(patient, 'op')
    exams.start(exam.id, 'op', conditions or {}, {'protocol': protocol})
    for number, (role, picture) in enumerate(pictures, 1):
        due_s = 15.0 * (number - 2)
        serial = role == DYNAMIC
        exams.add_capture(exam.id, 'op', role, picture, number if serial else 0, {},
                          {'due_s': due_s, 'taken_s': due_s} if serial and number > 1 else {})
    for text in deviations:
        exams.deviation(exam.id, 'op', text)
    exams.review(exam.id, 'op')
    if until == 'sign':
        exams.sign(exam.id, 'op')
    return exams.get(exam.id)
