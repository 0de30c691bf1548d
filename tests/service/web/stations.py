"""A station with operators, and browsers that log in to it."""
import re

from service.clock import Clock
from service.exams import Exams
from service.operators import INTEGRATOR, OPERATOR, Cost, Station
from service.web.sessions import Sessions

#: PINs of the first supervisor, of an operator and of an integrator.
PIN, OTHER, THIRD = '274911', '903356', '551902'


class Inhabited:
    """Operators of a new station, with exams; `now_s` is the monotonic time that sessions see.

    Args:
        folder: an empty one.
        lock_s: as of `Sessions`.
        clock: monotonic seconds for the sessions; None for those of `now_s`.
    """

    def __init__(self, folder, lock_s=300.0, clock=None):
        self.now_s, self.since_boot_s = 1000.0, 100.0
        station_clock = Clock('', lambda: 1.8e9, lambda: True, 'one', lambda: int(self.since_boot_s * 1e9))
        self.station = Station(str(folder), station_clock, cost=Cost(2, 8, 1))
        self.exams = Exams(str(folder), None, self.station.audit.append, station_clock, room=lambda folder: None)
        self.sessions = Sessions(self.station, self.exams, lock_s, clock=clock or (lambda: self.now_s))

    def settle(self):
        """A supervisor, an operator and an integrator; nobody is logged in."""
        operators = self.station.operators
        operators.first_supervisor('Ann Lind', PIN)
        ann = operators.list()[0]
        operators.keep_recovery_key(ann)
        self.people = {'supervisor': ann, 'operator': operators.add(ann, 'Ben Moe', OPERATOR, OTHER),
                       'integrator': operators.add(ann, 'Cy Orr', INTEGRATOR, THIRD)}
        self.station.keys.lock()
        return self

    def close(self):
        self.sessions.end_all()
        self.exams.close()
        self.station.close()


PINS = {'supervisor': PIN, 'operator': OTHER, 'integrator': THIRD}


def csrf_of(answer):
    """What a page has in its forms."""
    return re.search('name="csrf" (?:value|content)="([^"]+)"', answer.get_data(as_text=True)).group(1)


def log_in(client, who, pin):
    """Type a PIN: the answer."""
    page = client.get('/login?who=' + who)
    return client.post('/login', data={'who': who, 'pin': pin, 'csrf': csrf_of(page)})


def confirm(client, path, form, pin):
    """Do what asks for the PIN once more, and type it: the answer."""
    pad = client.post(path, data=form)
    assert pad.status_code == 403, pad.status_code
    asked = re.search('name="act-asked" value="([^"]+)"', pad.get_data(as_text=True)).group(1)
    return client.post(path, data={'csrf': form.get('csrf', ''), 'act-asked': asked, 'act-pin': pin})
