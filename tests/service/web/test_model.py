"""The page of the model: who may change it, what asks for the PIN, and that nothing outside the sticks is taken."""
import tempfile
from pathlib import Path

import pytest

from service.model_change import Changing, Trial
from service.settings import Settings
from service.web.access import SUPERVISOR, act_of, admitted
from service.web.app import create_app

from ...fakes import signing, trying
from ..model_change.conftest import Station, release
from ..model_change.test_running import until
from .conftest import LocalClient
from .stations import PINS, Inhabited, confirm, csrf_of, log_in

#: Address of every change, and whether it asks for the PIN.
POSTS = {'/model/check': True, '/model/back': True, '/model/switch': True, '/model/call-off': False,
         '/model/read': False}


class Place:
    """A station with people, a stick, and a model that can be changed."""

    def __init__(self, folder, stub, live):
        self.home = Inhabited(folder / 'exams').settle()
        self.station, self.stick = Station(folder), folder / 'stick'
        self.stick.mkdir()
        site = self.station.site._replace(record=self.home.station.audit.append)
        self.changing = Changing(site, Trial(self.station.target, signing.TRUST))
        settings = Settings(port=8080, files_root=str(self.stick))
        self.app = create_app(stub, live, settings, exams=self.home.exams, sessions=self.home.sessions,
                              changing=self.changing)
        self.app.test_client_class = LocalClient
        self.client = self.app.test_client()

    def enter(self, role='supervisor'):
        log_in(self.client, self.home.people[role].id, PINS[role])
        return self

    def page(self, address='/model'):
        return self.client.get(address).get_data(as_text=True)

    def post(self, address, pin=True, **form):
        form['csrf'] = csrf_of(self.client.get('/status'))
        if pin:
            return confirm(self.client, address, form, PINS['supervisor'])
        return self.client.post(address, data=form)


@pytest.fixture
def place(stub, live, monkeypatch):
    trying.in_this_process(monkeypatch)
    with tempfile.TemporaryDirectory(prefix='thermoscreen-') as folder:
        made = Place(Path(folder), stub, live)
        yield made
        made.changing.call_off()
        made.home.close()


def test_every_route_is_for_supervisors_and_what_changes_something_asks_for_the_pin(place):
    rules = [rule for rule in place.app.url_map.iter_rules() if rule.endpoint.startswith('model.')]
    assert len(rules) == len(POSTS) + 2
    for rule in rules:
        assert admitted(place.app, rule.endpoint) == frozenset([SUPERVISOR])
        assert bool(act_of(place.app, rule.endpoint)) == POSTS.get(rule.rule, False)
    place.enter('operator')
    assert place.client.get('/model').status_code == 403 and '/model' not in place.page('/status')


def test_a_supervisor_changes_the_model_and_returns(place):
    release(place.stick / 'new', '1.1.0')
    place.enter()
    assert 'href="/model"' in place.page('/status') and 'variants 1.0.0' in place.page()
    assert '<span>new</span>' in place.page('/model/choose') and 'Check it' in place.page('/model/choose?path=new')
    assert place.client.post('/model/check', data={'path': 'new', 'csrf': csrf_of(place.client.get('/status'))}
                             ).status_code == 403
    assert place.changing.state.phase == 'idle'
    assert place.post('/model/check', path='new').status_code == 303
    until(place.changing, 'checked')
    assert 'gives its golden answer' in place.page() and 'Install it' in place.page()
    place.post('/model/switch')
    until(place.changing, 'switched')
    assert 'starts anew' in place.page() and 'js/restart.js' in place.page() and place.station.version == '1.1.0'
    who = place.home.people['supervisor'].id
    assert place.station.history.last.by == who


def test_an_older_one_is_asked_about_again_and_can_be_left(place):
    release(place.stick / 'old', '0.9.0')
    place.enter().post('/model/check', path='old')
    until(place.changing, 'refused')
    html = place.page()
    assert 'bundle-downgrade' in html and 'name="path" value="old"' in html and 'name="older"' in html
    place.post('/model/check', path='old', older='1')
    until(place.changing, 'checked')
    assert place.post('/model/call-off', pin=False).status_code == 303
    assert place.changing.state.phase == 'idle' and place.station.version == '1.0.0'


@pytest.mark.parametrize('path', ['../device/bundle', '/etc', 'out', 'nowhere', '', 'a\0b'])
def test_nothing_outside_the_sticks_is_checked(place, path):
    (place.stick / 'out').symlink_to(place.station.target)
    place.enter()
    answer = place.post('/model/check', path=path)
    assert answer.status_code in (303, 400, 404)
    if answer.status_code == 303:  # the stick itself, which is no bundle
        assert until(place.changing, 'refused').messages[0].code == 'bundle-missing'
    assert place.station.version == '1.0.0' and place.station.beside == ['bundle']


def test_what_came_back_is_told_until_somebody_has_read_it(place):
    history = place.station.history
    history.last.outcome, history.last.sentence = 'returned', 'It failed.'
    history.write()
    place.changing.trial = Trial(place.station.target, signing.TRUST)
    place.enter()
    assert 'model-returned' in place.page('/status') and 'It failed.' in place.page()
    place.post('/model/read', pin=False)
    assert 'model-returned' not in place.page('/status') and 'It failed.' not in place.page()
