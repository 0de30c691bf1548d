"""Takes a picture of every screen of an exam, on every size of screen and in both themes: nobody's data.

Run from the top folder: ``python -m tests.service.web.exam_screens FOLDER LANGUAGE``.
"""
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from service.cameras.simulated import SimulatedCamera
from service.clock import Clock
from service.exams import Exams, Patient
from service.live import LiveLoop
from service.pipeline import Pipeline
from service.sealing import PlainSealer
from service.settings import SHIPPED_BUNDLE, Settings
from service.web.app import create_app
from service.web.server import Server

from ...fakes.ports import free_port
from .browser import Visit, launched
from .test_browser_exams import LIVE

SEED = 11
SIZES = {'panel': (1024, 600), 'upright': (600, 1024), 'large': (1920, 1080)}


def main(folder, language='en', *names):
    """Write the pictures into a folder, in a language; all screens, or those whose names are given."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept, Pipeline.from_folder(SHIPPED_BUNDLE, threads=1) as pipeline:
        clock = Clock(synchronised=lambda: True)
        exams = Exams(kept, PlainSealer(), None, clock, room=lambda folder: None)
        settings = Settings(port=free_port(), acclimatisation_minutes=0.1, series_frames=4, series_interval_s=2.0,
                            language=language)
        with LiveLoop(pipeline, lambda: SimulatedCamera(SEED, 240, 320, 3.0)) as live:
            server = Server(create_app(pipeline, live, settings, exams=exams), settings.host, settings.port,
                            on_stop=live.dismiss)
            thread = threading.Thread(target=server.run)
            thread.start()
            try:
                with launched(shutil.which('chromium')) as browser:
                    _walk(Visit(browser, settings.port).go('/home'), exams, _Shots(folder, names))
            finally:
                server.stop()
                thread.join()
                exams.close()


class _Shots:
    def __init__(self, folder, names):
        self._folder, self._names = Path(folder), names

    def take(self, visit, name):
        if self._names and name not in self._names:
            return
        for theme in ('night', 'day'):
            visit.page.evaluate('(theme) => { document.documentElement.dataset.theme = theme; }', theme)
            for size, pixels in SIZES.items():
                visit.resize(pixels)
                visit.page.wait_for_timeout(250)
                visit.page.screenshot(path=str(self._folder / ('%s-%s-%s.png' % (name, size, theme))))
        visit.page.evaluate("() => { document.documentElement.dataset.theme = 'night'; }")
        visit.resize(SIZES['panel'])


def _walk(visit, exams, shots):
    page = visit.page
    for number, name in enumerate(('Anna Lind', 'Beatriz Ferreira-Monteiro de Carvalho', 'Anna Lint', 'Li Wei')):
        made = exams.create(Patient('P-10%d' % number, name, '196%d-02-03' % number), 'op')
        exams.discard(made.id, 'op', 'example')
    shots.take(visit.go('/home'), 'home')
    shots.take(visit.go('/exams'), 'history')
    visit.go('/exams/new')
    shots.take(visit, 'who-number')
    page.fill('#patient_id', 'P-101')
    page.click('.enter')
    page.wait_for_selector('#patient_name')
    shots.take(visit, 'who-name')
    page.fill('#patient_name', 'Maria-Magdalena Ärmelström-Hohenlohe')
    page.click('.enter')
    page.wait_for_selector('.steps')
    for part in ('day', 'month', 'year'):
        page.click('[data-step="1"][data-part=%s]' % part)
    shots.take(visit, 'who-birth')
    page.click('.enter')
    page.wait_for_selector('.who')
    shots.take(visit, 'who-check')
    page.click('[name=confirmed]')
    page.wait_for_selector('.checklist')
    page.click('.checklist label:nth-child(2)')
    shots.take(visit, 'checklist')
    page.click('.main')
    page.wait_for_selector('#room_c')
    page.fill('#room_c', '25.5')
    shots.take(visit, 'room')
    page.click('.enter')
    page.wait_for_selector('#humidity_percent')
    shots.take(visit, 'humidity')
    page.click('.enter')
    page.wait_for_selector('[data-reasons=purpose]')
    shots.take(visit, 'purpose')
    page.click('[data-reason]')
    page.click('.chosen-from .enter')
    page.wait_for_selector('[data-part=month]')
    page.click('[data-step="1"][data-part=year]')
    shots.take(visit, 'mammogram')
    page.click('.enter')
    page.wait_for_selector('#ring')
    shots.take(visit, 'acclimatisation')
    address = page.url
    visit.go('/exams/' + address.rpartition('/')[2] + '/acclimatised')
    shots.take(visit, 'early')
    page.goto(address)
    page.wait_for_selector('#done:enabled')
    page.click('#done')
    page.wait_for_selector('.choices')
    shots.take(visit, 'protocol')
    page.click('[value=static]')
    for number in range(1, 6):
        visit.wait(LIVE)
        if number in (1, 2, 4):
            shots.take(visit, 'capture-%d' % number)
        if number == 5:
            page.click('.side [href*=left-out]')
            page.wait_for_selector('.reasons')
            shots.take(visit, 'leave-out')
            page.click('[data-reason]')
            page.click('.chosen-from .enter')
        else:
            page.click('#take button')
        visit.wait("(n) => document.querySelector('.shots') || document.querySelector('[name=number]')?.value > n",
                   number)
    shots.take(visit, 'review')
    page.click('.shots a')
    visit.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    shots.take(visit, 'picture')
    page.goto(address)
    page.click('.main')
    page.wait_for_selector('.result')
    shots.take(visit, 'result')
    for view in ('regions', 'deviations'):
        page.goto(address + '?view=' + view)
        shots.take(visit, 'result-' + view)
    page.goto(address)
    page.click('.main')
    page.wait_for_selector('[action$=sign]')
    shots.take(visit, 'signature')
    page.goto(address + '?part=events')
    shots.take(visit, 'events')
    page.goto(address)
    page.click('.main')
    page.wait_for_selector('[href$=amend]')
    shots.take(visit, 'signed')
    page.goto(address + '/report')
    shots.take(visit, 'report')
    page.click('#sections a:nth-child(9)')
    shots.take(visit, 'report-section')
    page.goto(address)
    exam = exams.create(Patient('P-7', 'Anna Lind', '1961-01-01'), 'op')
    exams.start(exam.id, 'op', {}, {'protocol': 'dynamic'})
    visit.go('/exams/' + exam.id)
    visit.wait("() => document.querySelector('#picture:not([hidden])')")
    shots.take(visit, 'dynamic-before')
    page.click('#take button')
    page.wait_for_selector('[action$=series]')
    shots.take(visit, 'cooling')
    page.click('.main')
    page.wait_for_selector('#series')
    shots.take(visit, 'series')
    page.wait_for_selector('.shots')
    shots.take(visit, 'dynamic-review')


if __name__ == '__main__':
    main(*sys.argv[1:])
