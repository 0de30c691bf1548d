"""Every page in a language whose words are marked: what carries no mark has no translation."""
import re
from html.parser import HTMLParser

import pytest

import service.web.language
from service.clock import Clock
from service.degrees import shown
from service.exams import Exams
from service.languages import Language
from service.messages import Message
from service.sealing import PlainSealer
from service.settings import Settings
from service.web.app import create_app
from service.web.safe import create_safe_app

from .conftest import LocalClient, picture_shown

#: What is no word: names, numbers with their units, codes, files, and the figures of a technician.
DATA = re.compile(r'''thermoscreen|Cividis|Inferno|Zoë|P-1|\b(?:UTC|PIN|GMAC|SHA-256|JSON)\b|Demo\b|stub\S*|°C|
                      Deutsch|English|Español|Ελληνικά|Русский|\b[a-z]+(?:-[a-z]+)+\b|\b\w\w?\b|p95|\S+\.csv|
                      \b\d+\ (?:bytes|[KMG]iB|ms|min)\b|^(?:network|switched|tiny)\b.*|
                      ^(?:visit\ 1|many|/.*)$''', re.VERBOSE)


class Marked(Language):
    """German, with the English text in marks in the place of each translation."""

    def __init__(self, name, unit):
        super().__init__(name, unit)
        made = {text: '⟦%s⟧' % text for text in self.words}
        self._forms = [form._replace(translation='⟦%s⟧' % form.translation) for form in self._forms]
        self.words = made


class _Texts(HTMLParser):
    """Collects what somebody reads or hears."""

    def __init__(self):
        super().__init__()
        self.found, self._within = [], []

    def handle_starttag(self, tag, attributes):
        self._within = [tag] if tag in ('script', 'style', 'code') else []
        self.found += [value for name, value in attributes if name in ('aria-label', 'alt', 'title', 'placeholder')]

    def handle_endtag(self, tag):
        self._within = []

    def handle_data(self, data):
        if not self._within:
            self.found.append(data)


def unmarked(html):
    """The texts of a page without a mark, but for what is data."""
    texts = _Texts()
    texts.feed(html)
    bare = [re.sub('⟦.*(⟧|$)|^.*⟧', '', ' '.join(text.split())) for text in texts.found]
    return [text for text in bare if re.search('[A-Za-z]{2}', DATA.sub('', text))]


@pytest.fixture
def marked(monkeypatch):
    monkeypatch.setattr(service.web.language, 'Language', Marked)


@pytest.fixture
def station(folder, stub, live, files_root):
    """Clients of stations with other settings, all of the same exams."""
    exams = Exams(str(folder / 'exams'), PlainSealer(), None, Clock(synchronised=lambda: True),
                  room=lambda folder: None)
    live.start()
    picture_shown(live)

    def make(**options):
        settings = Settings(port=8080, files_root=str(files_root), acclimatisation_minutes=0, **options)
        app = create_app(stub, live, settings, exams=exams, demo=True)
        app.test_client_class = LocalClient
        return app.test_client()

    make.exams = exams
    yield make
    exams.close()


@pytest.fixture
def client(marked, station):
    return station(language='de')


def walk(client, look, room_c):
    """A whole exam: `look` gets the address of every page of it. Gives the address of the exam."""
    def send(address, **form):
        answer = client.post(address, data=form)
        assert answer.status_code == 303, (address, answer.get_data(as_text=True))
        return answer.headers['Location'].split('8080')[-1]

    for name, value in (('patient_id', 'P-1'), ('patient_name', 'Zoë'), ('birth_date', '1970-12-31')):
        send('/exams/new', **{name: value})
        look('/exams/new')
    here = send('/exams', patient_id='P-1', patient_name='Zoë', birth_date='1970-12-31')
    for act, form in (('checklist', {'unmet': ['sun', 'draught']}), ('room', {'room_c': room_c}),
                      ('humidity', {'humidity_percent': '40'}),
                      ('purpose', {'purpose': 'It is part of a study.'}), ('mammogram', {'last_mammogram': '2024-05'}),
                      ('acclimatised', {'reason': 'The patient feels cold.'}),
                      ('start', {'protocol': 'static'}), ('captures', {'role': 'frontal', 'number': '1'}),
                      *(('left-out', {'role': role, 'reason': 'The patient asked to stop.'}) for role in (
                          'right-oblique', 'left-oblique', 'right-lateral', 'left-lateral')), ('review', {})):
        look(here)
        send(here + '/' + act, **form)
    for view in ('summary', 'regions', 'signs', 'deviations'):
        look(here + '?view=' + view)
    for address in ('/pictures/1', '?part=events', '/note', '/note?what=room_c', '/deviation', '/discard'):
        look(here + address)
    for act in ('read', 'sign'):
        send(here + '/' + act)
        look(here)
    look(here + '/amend')
    look('/exams')
    return here


def test_no_page_of_an_exam_has_a_word_without_translation(client, stub):
    seen = {}
    stated = str(stub.bundle.manifest)  # what a model says of itself

    def look(address):
        answer = client.get(address)
        assert answer.status_code == 200, address
        html = answer.get_data(as_text=True)
        assert '<html lang="de"' in html and 'data-words="/words?' in html
        seen.update({text: address for text in unmarked(html)
                     if not all(part in stated for part in text.strip().split('. '))})

    for address in ('/', '/home', '/exams', '/exams/new', '/open', '/status', '/status?part=timing', '/about'):
        look(address)
    walk(client, look, '25.5')
    assert seen == {}


def test_every_page_of_an_exam_in_fahrenheit_says_what_it_says_in_celsius(station):
    warm, plain = station(temperatures='fahrenheit'), station()
    converted = set()

    def texts(client, address):
        found = _Texts()
        found.feed(client.get(address).get_data(as_text=True))
        return [' '.join(text.split()) for text in found.found]

    def look(address):
        in_f = texts(warm, address)
        # Who is being typed is known to one of them.
        in_c = texts(plain, address) if address != '/exams/new' else in_f
        assert not [text for text in in_f if '°C' in text] and len(in_f) == len(in_c), address
        for said, before in zip(in_f, in_c):
            numbers = re.findall(r'[+-]?\d+(?:\.\d+)?', before)
            as_told = zip(re.findall(r'[+-]?\d+(?:\.\d+)?', said), numbers)
            wrong = [pair for pair in as_told if pair[0] not in (pair[1], shown(pair[1]), shown(pair[1], True))]
            assert not wrong and ('°F' not in said or '°C' in before), (address, said, before)
            converted.update([before] if said != before else [])

    here = walk(warm, look, '77.9')  # 25.5 °C
    exam = station.exams.get(here.split('/')[-1])
    assert station.exams.conditions(exam)['room_c'] == 25.5
    result = plain.get('/api/v1%s/files/0001.result.json' % here).get_json()
    mean, apart = result['regions']['right_breast']['mean'], abs(result['differences']['breast']['mean'])
    page = warm.get(here).get_data(as_text=True)
    assert '<dd>%s</dd>' % shown('%.1f' % mean) in page and '<dd>%s</dd>' % shown('%.1f' % apart, True) in page
    assert len(converted) > 12, converted
    picture = '%s/pictures/1/drawn.png' % here
    assert picture in page and warm.get(picture).data != plain.get(picture).data
    assert '°F' not in warm.get(here + '/report').get_data(as_text=True)  # what is printed and sent is in °C


def test_what_programs_read_is_english(client):
    assert client.get('/words').get_json()['words']['No result'] == '⟦No result⟧'
    assert client.get('/exams/none', headers={'Accept': 'application/json'}).status_code == 404
    assert '⟦' not in client.get('/api/v1/exams/none').get_data(as_text=True)
    assert '⟦' not in client.get('/live/values').get_data(as_text=True)
    assert '⟦' in client.get('/exams/none').get_data(as_text=True)


def test_safe_mode_is_english_since_it_reads_no_settings():
    app = create_safe_app(Message('disk-full', 'The disk is full.', 'Make room.'), 8080, lambda: None)
    html = app.test_client().get('/', base_url='http://127.0.0.1:8080').get_data(as_text=True)
    assert '<html lang="en"' in html and 'The disk is full.' in html and 'data-words' not in html
