"""A guided exam in a real browser: every step fits the smallest panel, and comes back after a restart."""
import json
import re

import numpy as np
import pytest

from service.exams import Patient, Picture, guide
from service.kept_picture import kept_thermogram

from ...fakes.numbers import numbers_of
from .browser import PATIENCE_MS
from .stations import PINS, Inhabited
from .test_browser_access import measured

pytestmark = pytest.mark.browser

LIVE = "() => document.querySelector('#picture:not([hidden])') && document.querySelector('#gate:not([hidden])')"
PAINTED = "() => document.querySelector('#picture[data-painted]:not([hidden])')"


class Bedside:
    """An operator in front of a station, who looks at every screen in both orientations.

    Args:
        serve: starts a server.
        visit: opens a page.
        folder: of the station.
    """

    def __init__(self, serve, visit, pipeline, camera, folder):
        self._serve, self._visit, self._pipeline, self._camera, self._folder = serve, visit, pipeline, camera, folder
        self.home = self.seen = None

    def start(self, **settings):
        """Start the station, or start it anew on what it has kept, and log in."""
        is_new = self.home is None
        self.stop()
        self.home = Inhabited(self._folder)
        if is_new:
            self.home.settle()
        self.people = self.home.station.operators.list()
        port = self._serve(self._pipeline, self._camera, exams=self.home.exams, sessions=self.home.sessions, **settings)
        self.seen = self._visit(port)
        self.log_in()
        return self

    def stop(self):
        if self.home is not None:
            self.home.close()

    def log_in(self):
        ben = next(person for person in self.people if person.name == 'Ben Moe')
        self.seen.go('/login?who=' + ben.id)
        self.page.wait_for_selector('.pad:not([disabled])')
        self.page.keyboard.type(PINS['operator'])
        self.page.click('.enter')
        self.page.wait_for_selector('main:not(:has(.ask))')

    @property
    def page(self):
        return self.seen.page

    def sees(self, selector):
        """Wait for a screen; nothing on it is small, hidden or outside."""
        self.page.wait_for_selector(selector)
        assert measured(self.seen) == {}, selector
        self.seen.resize((600, 1024))
        assert measured(self.seen) == {}, selector
        self.seen.resize((1024, 600))
        assert self.seen.violations() == [], selector

    def touch(self, selector, then):
        self.page.click(selector)
        self.sees(then)

    @property
    def exam(self):
        return self.home.exams.get(self.home.exams.list()[0].row.id)

    def capture(self, role):
        """Take a picture of the view that is asked for."""
        self.page.wait_for_selector('.where:has-text("%s")' % role)
        self.seen.wait(LIVE)
        before = len(self.exam.captures)
        self.page.dblclick('#take button')
        self.page.wait_for_selector('.where:not(:has-text("%s"))' % role)
        assert len(self.exam.captures) == before + 1


@pytest.fixture
def bedside(serve, visit, stub, camera, folder):
    made = Bedside(serve, visit, stub, camera, folder / 'exams')
    yield made
    made.stop()


def measured_as_stored(bedside):
    """Every tool of the viewer on the picture that was taken last; its numbers are those of the frame that was kept."""
    page, exam = bedside.page, bedside.exam
    bedside.seen.wait(PAINTED)
    frame = kept_thermogram(bedside.home.exams, exam, exam.captures[-1]).pixels.astype(np.float64)

    def told(tool):
        """The numbers that a tool shows, after the place in the frame that it says it measured."""
        bedside.sees('[data-reading=%s]:visible' % tool)
        parts = page.eval_on_selector_all('[data-reading=%s] .note, [data-reading=%s] dd' % (tool, tool),
                                          'all => all.map((one) => one.innerText)')
        shown = [float(part.split()[0]) for part in parts if ' °C' in part.replace('\xa0', ' ')]
        return shown, [[int(digits) for digits in re.findall('[0-9]+', part)] for part in parts if 'row' in part]

    def drag(tool, *places):
        page.click('button[data-view=%s]' % tool)
        around = page.locator('#picture').bounding_box()
        for number, (x, y) in enumerate(places):
            page.mouse.move(around['x'] + x * around['width'], around['y'] + y * around['height'])
            if number == 0:
                page.mouse.down()
        page.mouse.up()
        page.wait_for_selector('[data-reading=%s] .note:not(:has-text("Touch"))' % tool)
        return told(tool)

    shown, ((x, y), *_) = drag('spot', (0.35, 0.5))
    assert shown[0] == pytest.approx(frame[y, x], abs=0.0501)
    page.wait_for_selector('text=Mirrored site: column')
    shown, ((x, y), (twin_x, twin_y, _)) = told('spot')
    assert shown == pytest.approx([frame[y, x], frame[twin_y, twin_x]], abs=0.0501)
    assert exam.captures[-1].facts['outcome'] == 'result' and abs(twin_x - x) > 40
    shown, ((left, right, top, bottom),) = drag('box', (0.3, 0.4), (0.4, 0.6))
    box = frame[top:bottom + 1, left:right + 1]
    assert box.size > 100 and page.inner_text('#box dd >> nth=3') == str(box.size)
    assert shown == pytest.approx([box.mean(), box.min(), box.max()], abs=0.0501)
    page.click('button[data-view=histogram]')
    assert page.inner_text('#histogram .note') == '%d pixels of the box' % box.size
    shown, ((x0, y0, x1, y1),) = drag('line', (0.2, 0.5), (0.7, 0.6))
    steps = max(abs(x1 - x0), abs(y1 - y0))
    share = np.arange(steps + 1) / steps
    rows, columns = (np.floor(a + (b - a) * share + 0.5).astype(int) for a, b in ((y0, y1), (x0, x1)))
    line = frame[rows, columns]
    assert shown == pytest.approx([line.mean(), line.min(), line.max()], abs=0.0501) and steps > 50
    assert len(page.get_attribute('#line polyline', 'points').split()) == steps + 1
    page.click('button[data-view=isotherm]')
    page.click('#isotherm [value=above]')
    page.click('[data-stepper=from] [value="1"]')
    bedside.sees('[data-stepper=from]')
    least = float(page.inner_text('[data-stepper=from] output').split()[0])
    assert page.inner_text('[data-reading=isotherm]').startswith('%d pixels: ' % (frame >= least).sum())
    page.click('button[data-view=layers]')
    page.click('#layers [value=slider]')
    bedside.sees('[data-stepper=split]')
    page.click('button[data-view=span]')
    page.click('#span [value=locked]')
    page.click('[data-stepper=level] [value="1"]')
    bedside.sees('[data-stepper=level]')
    span = page.get_attribute('#picture', 'data-painted').split()[1:3]
    page.goto(page.url.rpartition('/')[0] + '/1')  # another view of the exam
    bedside.seen.wait(PAINTED)
    assert page.get_attribute('#picture', 'data-painted').split()[1:3] == span
    page.go_back()
    page.wait_for_selector('.again')


def test_an_exam_of_five_views(bedside, camera, tmp_path):
    bedside.start()
    page, home = bedside.page, bedside.home
    for number in range(4):
        home.exams.discard(home.exams.create(Patient('P-%d' % number, 'Anna-Katharina Ärmelström-Hohenlohe',
                                                     '1960-02-03'), 'op').id, 'op', 'example')
    bedside.touch('text=Home', '.home')
    bedside.touch('text=History', '.exams')
    bedside.touch('text=Search', '#query')
    page.fill('#query', 'p-2')
    bedside.touch('.enter', '.exams')
    assert page.inner_text('.exams .id') == 'P-2'
    bedside.touch('.main', '#patient_id')
    page.fill('#patient_id', 'P-1')
    bedside.touch('.enter', '#patient_name')
    page.fill('#patient_name', 'Zoë O\'Hara')
    bedside.touch('.enter', '.steps')
    for part in ('day', 'month', 'year'):
        page.click('[data-step="1"][data-part=%s]' % part)
    bedside.touch('.enter', '.told:has-text("patient-number")')
    bedside.touch('[name=confirmed]', '.checklist')
    page.click('.checklist label:nth-child(2)')
    bedside.touch('.main', '#room_c')
    page.fill('#room_c', '25.5')
    bedside.touch('.enter', '#humidity_percent')
    bedside.touch('.enter', '[data-reasons=purpose]')
    page.click('[data-reason]')
    bedside.touch('.chosen-from .enter', '.dated')
    page.click('[data-part=month][data-step="1"]')
    page.click('.enter')
    bedside.sees('text=Set the year.')
    page.click('[data-part=year][data-step="-1"]')
    bedside.touch('.enter', '#ring')
    bedside.touch('text=Start early', '.reasons')
    page.click('[data-reason]')
    bedside.touch('.chosen-from .enter', '[value=static]')
    page.click('[value=static]')
    bedside.capture('Frontal')
    bedside.sees('.last')
    page.click('text=Retake')
    bedside.capture('Frontal')
    camera.unplugged.set()
    page.wait_for_selector('#banner:has-text("not plugged in")')
    page.click('#take button')
    bedside.sees('.told:has-text("camera-missing")')
    camera.unplugged.clear()
    bedside.seen.wait("() => document.getElementById('banner').hidden")
    page.click('#take button')
    page.wait_for_selector('.where:has-text("Left oblique")')
    bedside.start()  # the power was gone, and the login leads to the same screen
    page = bedside.page
    bedside.capture('Left oblique')
    bedside.capture('Right lateral')
    bedside.touch('text=Leave out', '.reasons')
    page.click('[data-reason]')
    bedside.touch('.chosen-from .enter', '.shots')
    assert page.eval_on_selector_all('.shots b', 'all => all.map((one) => one.innerText)') == [
        'Frontal', 'Right oblique', 'Left oblique', 'Right lateral', 'Left lateral']
    _correct_outlines(bedside)
    bedside.touch('.shots li:nth-child(4) a', '.again')
    measured_as_stored(bedside)
    page.click('.again button')
    bedside.capture('Right lateral')
    bedside.touch('.main', '.three')
    bedside.touch('text=Regions', '.read table')
    name = page.get_attribute('.seen img', 'src').rpartition('/')[2].partition('.')[0]
    for kind in ('tscap', 'labels.png', 'result.json'):  # as the outlines were corrected
        kept = bedside.home.exams.read_file(bedside.exam, bedside.exam.counting(int(name), kind))
        (tmp_path / (name + '.' + kind)).write_bytes(kept)
    found = numbers_of(tmp_path / name)
    assert all(is_as_stored for _, is_as_stored in found.values())
    assert page.eval_on_selector_all('.read tbody tr', "rows => rows.map((row) => row.innerText.split('\\t'))") == [
        [region.replace('_', ' ').capitalize()] + ['%.1f' % float(found['regions', region, key][0])
                                                   for key in ('mean', 'max')]
        for kind, region, key in found if (kind, key) == ('regions', 'n')]
    for number in range(7):
        bedside.home.exams.deviation(bedside.exam.id, 'op', 'Example %d.' % number)
    bedside.touch('text=Deviations', '.told-list')
    shown = 'all => all.filter((one) => !one.hidden).map((one) => one.innerText)'
    listed, pages = page.eval_on_selector_all('.told-list li', shown), int(page.inner_text('.paging span').split()[-1])
    for _ in range(pages - 1):
        page.click('.paging button:last-child')
        listed += page.eval_on_selector_all('.told-list li', shown)
    assert pages > 1 and len(listed) == 12 and listed[-1] == 'Example 6.'
    bedside.touch('.main', 'text=Sign exam 5 as Ben Moe')
    page.go_back()
    page.wait_for_selector('text=Sign exam 5')  # Back shows the step that the exam is on
    page.click('.main')
    page.wait_for_selector('text="Amend"')  # the button; the question before it speaks of amendments
    assert guide.step_of(bedside.exam).name == guide.LOCKED
    _look_at_two_visits(bedside)
    assert bedside.seen.complaints == []
    address = page.url
    page.click('.square')
    page.wait_for_url('**/login**', timeout=PATIENCE_MS)
    for again in (page.go_back, lambda: page.goto(address), page.reload):
        again()
        page.wait_for_selector('.people, .ask')
        assert 'Zoë' not in page.content() and 'P-1' not in page.content()


def _correct_outlines(bedside):
    """An outline of the first picture drawn by hand, and kept with a reason."""
    page = bedside.page
    page.click('.shots li:nth-child(1) a')
    page.wait_for_selector('.again')
    bedside.touch('text=Correct outlines', '#sheet')
    page.click('[data-region=left_breast]')
    box = page.locator('#sheet').bounding_box()
    x, y = box['x'] + 0.65 * box['width'], box['y'] + 0.5 * box['height']
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 30, steps=3)  # the outline is elsewhere, and follows
    page.mouse.up()
    page.focus('#sheet')
    for key in ('PageDown', 'ArrowDown', 'Shift+ArrowLeft'):
        page.keyboard.press(key)
    bedside.touch('#undo', '#save:not([disabled])')
    bedside.seen.wait("() => document.querySelector('[data-tells=region]').cells[2].innerText !== '–'")
    bedside.touch('#save', '#why .reasons')
    page.click('[data-reason]')
    bedside.touch('#why .enter', '.by-hand:has-text("Outlines corrected by Ben Moe")')
    bedside.seen.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    bedside.sees('#tiles')
    bedside.touch('.by-hand', '#whose a:has-text("Take it back")')
    assert len(bedside.exam.corrections) == 1
    bedside.touch('.back', '.shots')


def _look_at_two_visits(bedside):
    """A second visit with the first one beside it."""
    exams, signed = bedside.home.exams, bedside.exam
    exam = exams.create(exams.patient(signed), 'op')
    exams.start(exam.id, 'op')
    frontal = next(capture for capture in signed.captures if capture.role == 'frontal')
    data = {name.partition('.')[2]: exams.read_file(signed, name) for name in frontal.files}
    exams.add_capture(exam.id, 'op', 'frontal', Picture(
        data['tscap'], json.loads(data['result.json']), data['overlay.png'], data['labels.png'],
        frontal.facts['camera'], json.loads(data['signs.json'])))
    exams.review(exam.id, 'op')
    bedside.seen.go('/exams/%s/pictures/1' % exam.id)
    bedside.seen.wait(PAINTED)
    page = bedside.page
    page.click('button[data-view=span]')
    page.click('#span [value=locked]')
    page.click('[data-stepper=level] [value="1"]')
    span = page.get_attribute('#picture', 'data-painted').split()[1:3]
    bedside.seen.go('/exams/' + exam.id)
    bedside.touch('text=Before', '.pair img >> nth=1')
    assert 'Both pictures at %s to %s °C.' % tuple(span) in page.inner_text('.verdict')
    bedside.seen.wait("() => [...document.querySelectorAll('.pair img')].every((one) => one.naturalWidth > 0)")
    bedside.touch('text=Changes', '.changes')
    bedside.touch('text=Next view', '.changes, p:has-text("Nothing can be compared")')
    bedside.touch('text=Pictures', '.missing')
    bedside.touch('text=Back', '.three')


def test_a_dynamic_series_by_keyboard_alone(bedside):
    bedside.start(acclimatisation_minutes=0.0, series_frames=3, series_interval_s=1.0)
    page = bedside.page

    def press(words):
        """Go by tabs to what has these words, and press Enter."""
        for _ in range(40):
            page.keyboard.press('Tab')
            if page.evaluate("() => (document.activeElement.innerText || '').trim()") == words:
                page.keyboard.press('Enter')
                return
        raise AssertionError(words)

    press('New exam')
    for field, text in (('#patient_id', 'P-7'), ('#patient_name', 'Zoë O\'Hara')):
        page.wait_for_selector('.typed:has(%s) fieldset:not([disabled])' % field)
        page.keyboard.type(text)
        page.keyboard.press('Enter')
    page.wait_for_selector('.steps')
    for _ in range(3):
        press('+1')
    press('Go on')
    page.wait_for_selector('.who')
    press('Begin')
    page.wait_for_selector('.checklist')
    page.keyboard.press('Tab')
    press('The rest is so')
    page.wait_for_selector('.ask:has(#room_c) fieldset:not([disabled])')
    page.keyboard.type('21')
    page.keyboard.press('Enter')
    page.wait_for_selector('.ask:has(#humidity_percent) fieldset:not([disabled])')
    page.keyboard.press('Enter')
    page.wait_for_selector('[data-reasons=purpose]')
    press('Go on')
    page.wait_for_selector('.dated')
    press('Never')
    page.wait_for_selector('#ring')
    press('Go on')
    page.wait_for_selector('.choices')
    press('Dynamic series')
    bedside.seen.wait(LIVE)
    bedside.sees('#take')
    press('Capture') if page.inner_text('#take button') == 'Capture' else press('Capture anyway')
    bedside.sees('text=Cool the breasts')
    press('Start')
    page.wait_for_selector('#series')
    bedside.sees('.shots')
    exam = bedside.exam
    assert [(capture.frame, capture.facts.get('due_s')) for capture in exam.captures] == [
        (1, None), (2, 0), (3, 1), (4, 2)]
    press('Result')
    bedside.sees('.three')
    bedside.touch('text=Series', '.steps-through')
    bedside.touch('text="Next"', '.when:has-text("1 of 3")')
    bedside.touch('text=Breasts', '.curves')
    bedside.touch('text=Places', '.missing')
    bedside.touch('text=Back', '.three')
    bedside.touch('text=Report', '.report [data-part]')
    _look_through_a_report(bedside)
    bedside.touch('text=Back', '.three')
    assert bedside.seen.complaints == []


#: How many parts of a report a screen shows, and how many of them reach out of it.
PARTS = '''() => {
  const list = document.querySelector('.report');
  const end = list.getBoundingClientRect().bottom + 1;
  const shown = [...list.querySelectorAll('[data-part]:not([hidden])')];
  return [shown.length, shown.filter((part) => part.getBoundingClientRect().bottom > end).length];
}'''


def _look_through_a_report(bedside):
    """Every part of it is shown once and whole, and all of them on paper."""
    page = bedside.page
    bedside.seen.wait("() => document.readyState === 'complete'")
    count, seen = page.evaluate("() => document.querySelectorAll('.report [data-part]').length"), 0
    while True:
        shown, clipped = page.evaluate(PARTS)
        assert shown and not clipped, page.inner_text('.paging')
        seen += shown
        if page.query_selector('.paging button:last-child:disabled'):
            break
        page.click('.paging button:last-child')
    assert seen == count > 60 and 'Draft' in page.inner_text('.where')
    page.click('text=Sections')
    assert page.inner_text('.paging span').startswith('1 of ')
    page.click('.sections :text("Equipment and software")')
    assert page.inner_text('.report h2:visible >> nth=0') in ('Equipment and software', 'Views'), 'with its head'
    assert page.query_selector('section:not([hidden]) >> text=Model SHA-256')
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(PARTS)[0] == count
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(PARTS)[0] < count
