"""The exams of a folder with everything that they need, simulated."""
import numpy as np

from service.capture_file import pack_capture
from service.clock import Clock
from service.exams.exam import ACQUIRING, AMENDED, DRAFT, REVIEW, SIGNED, Patient
from service.exams.library import Exams, Picture
from service.exams.order import Order
from service.radiometry import Raw, Temperatures
from service.record import encode_png
from service.sealing import PlainSealer
from service.thermogram import Provenance

ZOE = Patient('P-1', 'Zoë O\'Hara <b>', '1970-12-31')
PICTURE = Picture(b'counts', {'outcome': 'result', 'view': 'frontal', 'unit': 'celsius', 'bundle': {'id': 'm'},
                              'backend': {}, 'checks': [{'code': 'focus', 'severity': 'problem'},
                                                        {'code': 'sides', 'severity': 'ok'}]}, b'picture')
#: One whose files are what their names say.
REAL = Picture(pack_capture([Raw(np.full((48, 64), 30.5, np.float32), Temperatures(), Provenance('none'))]),
               dict(PICTURE.result, sentences=[], regions={}, differences={}, hottest={}, finding=None, provenance={},
                    size={'width_px': 64, 'height_px': 48}, checks=[
                   dict(check, sentence='') for check in PICTURE.result['checks']]),
               encode_png(np.zeros((48, 64, 3), np.uint8)), encode_png(np.ones((48, 64), np.uint8)))
#: What a worklist in Athens says.
ORDER = Order('1.2.840.1.77', 'ACC-4711', 'Παπαδοπούλου^Ελένη', 'Ευαγγελισμός', 'F', '61.5', 'Wang^XiaoDong=王^小东',
              'RP-1', 'Θερμογραφία', step_id='SPS-1', scheduled='2026-11-30 08:15', allergies='Нитрил')
CONDITIONS = {'room_c': 21.5, 'cycle_day': 9, 'notes': 'cold\thands\nno lotion'}


def the_clock(**changes):
    return Clock(**dict(dict(utc_s=lambda: 1.8e9, synchronised=lambda: True, boot_id='boot', since_boot_ns=lambda: 5),
                        **changes))


class Station:
    """The exams of a folder with an audit log that is a list."""

    def __init__(self, folder, sealer=None, picture=PICTURE):
        self.picture = picture
        self.folder, self.sealer, self.log, self.exams = str(folder), sealer or PlainSealer(), [], None
        self.start()

    def record(self, event, operator, **facts):
        self.log.append((event, operator, facts))
        return len(self.log), 'head-%d' % len(self.log)

    def start(self, **changes):
        self.close()
        values = dict(dict(sealer=self.sealer, record=self.record, clock=the_clock(), room=lambda folder: None),
                      **changes)
        self.exams = Exams(self.folder, **values)
        return self.exams

    def close(self):
        if self.exams is not None:
            self.exams.close()
            self.exams = None

    def exam(self, state, patient=ZOE, order=None):
        """An exam in a state."""
        exams = self.exams
        exam_id = exams.create(patient, 'op', CONDITIONS, order).id
        steps = [] if state == DRAFT else [lambda: exams.discard(exam_id, 'op', 'she left')]
        if state in (ACQUIRING, REVIEW, SIGNED, AMENDED):
            steps = [lambda: exams.start(exam_id, 'op'),
                     lambda: exams.add_capture(exam_id, 'op', 'frontal', self.picture)]
        if state in (REVIEW, SIGNED, AMENDED):
            steps.append(lambda: exams.review(exam_id, 'op'))
        if state in (SIGNED, AMENDED):
            steps.append(lambda: exams.sign(exam_id, 'chief'))
        if state == AMENDED:
            steps.append(lambda: exams.amend(exam_id, 'chief', 'typing error', 'It was the left side.'))
        for step in steps:
            step()
        return exams.get(exam_id)

    def crash(self, exam_id=''):
        """End as a kill does: the index keeps the note of a change."""
        self.exams._unfinished.add(exam_id)
        self.exams._ask(self.exams._store.intend, exam_id or 'f' * 16)
        self.close()
