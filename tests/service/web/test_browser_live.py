"""The live page in a real browser: it runs, it stops in words, it comes back."""
import json
import threading
import urllib.request

import pytest

from service.result import ADJUNCT_NOTICE
from service.web import streams

from .conftest import PATIENCE_S, SwitchedCamera, picture_shown

pytestmark = pytest.mark.browser

SHOWN = "() => { const p = document.getElementById('picture'); return p && !p.hidden && p.width > 0; }"
EMPTY = """() => document.body.classList.contains('cleared')
    && document.getElementById('picture').getContext('2d').getImageData(5, 5, 1, 1).data[3] === 0"""
ONE_ID = """() => document.getElementById('frame').dataset.picture
    === document.getElementById('summary').dataset.picture"""
HIDDEN = '(id) => document.getElementById(id).hidden'
STALE = "() => document.getElementById('frame').classList.contains('stale')"
RUNNING = "() => !document.getElementById('frame').classList.contains('stale')"
CHANGED = '([selector, before]) => document.querySelector(selector).innerText !== before'


def test_shipped_model_and_simulated_camera(serve, shipped, simulated, visit):
    """What a person sees who starts the product and opens the page."""
    port = serve(shipped, simulated)
    page = visit(port).go('/')
    page.wait(SHOWN)
    page.wait(HIDDEN, 'banner')
    first = page.picture()
    page.page.click('button[data-view=timing]')
    before = page.text('#timing')
    page.wait(CHANGED, ['#timing', before])
    page.wait("(first) => { const c = document.createElement('canvas'); c.width = 160; c.height = 120;"
              "c.getContext('2d').drawImage(document.getElementById('picture'), 0, 0, 160, 120);"
              'return c.toDataURL() !== first; }', first)
    assert 'network' in page.text('#timing') and 'camera to page' in page.text('#timing')
    identity = shipped.bundle.manifest.identity
    assert identity['id'] in page.text('#identity') and identity['hash'][:8] in page.text('#identity')
    assert 'ONNX Runtime' in page.text('#backend')
    assert page.text('footer.notice') == ADJUNCT_NOTICE and page.page.is_visible('footer.notice')
    assert page.complaints == []


def test_a_side_view_is_named_and_not_compared(serve, side_view, camera, visit):
    camera.kind = 'replay'
    port = serve(side_view, camera)
    serve.live.expect('raised-arms')
    page = visit(port).go('/')
    page.wait(SHOWN)
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert page.text('#tiles').split()[-2:] == ['difference', '\u2013']
    assert 'This is a left oblique view: left and right are not compared' in page.text('#sentence')
    assert not any(page.page.is_visible('#' + name) for name in ('refusal', 'finding', 'no-finding'))
    page.wait("() => document.getElementById('camera').innerText === 'Recording: switched camera'")
    page.page.wait_for_selector('#camera-note', state='visible')  # the gate, which the panel does not repeat
    assert page.text('#camera-note').endswith('view from the front. Turn the patient to face the camera.')
    page.page.click('button[data-view=regions]')
    assert page.page.is_visible('table.regions') and not page.page.is_visible('table.differences')


def test_a_result_is_on_the_page(serve, stub, camera, visit):
    port = serve(stub, camera)
    page = visit(port).go('/')
    page.wait(SHOWN)
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    tiles = dict(zip(page.text('#tiles').split()[::2], page.text('#tiles').split()[1::2]))
    assert tiles['right'] == '30.0' and float(tiles['left']) >= 30.6
    assert '9 of 9 quality checks passed' in page.text('#checks')
    assert page.text('#finding-name') == 'Heat pattern: below threshold'
    assert '0.20, below threshold 0.50' in page.text('#finding')
    assert 'threshold 0.50' in page.page.get_attribute('#finding-bar', 'aria-label')
    before = page.text('#tiles')
    page.wait(CHANGED, ['#tiles', before])
    page.page.click('button[data-view=meaning]')
    assert 'Set by hand.' in page.text('#meaning')
    page.page.click('button[data-view=regions]')
    heads = page.page.eval_on_selector_all('table.regions thead th', 'cells => cells.map(cell => cell.innerText)')
    assert heads == ['region', 'n', 'mean', 'SD', 'p95', 'max', 'to neck']
    assert page.page.eval_on_selector_all('table.regions tbody tr', 'rows => rows.length') == 7
    assert page.page.eval_on_selector_all('table.differences tbody tr', 'rows => rows.length') == 3
    assert 'rim is left out' in page.text('#regions .note')  # why no hottest spot is as hot as the column max
    page.page.click('button[data-view=summary]')
    page.page.wait_for_selector('#finding-note', state='visible')  # the left breast warms beyond 1.0 °C
    assert page.text('#finding-note').startswith('The 1.0 °C rule is another test. They differ.')
    assert page.complaints == []


def test_a_model_without_a_finding_says_so_where_the_finding_would_be(serve, regions_only, camera, visit):
    page = visit(serve(regions_only, camera)).go('/')
    page.wait(SHOWN)
    page.page.wait_for_selector('#no-finding', state='visible')
    assert not page.page.is_visible('#finding')
    assert page.text('#no-finding').startswith('Heat pattern not judged')
    assert 'no finding, neither normal nor abnormal' in page.text('#no-finding')
    assert page.text('#tiles').split()[1] == '30.0' and 'breast' in page.text('#sentence')
    page.wait("() => document.getElementById('announce').innerText.endsWith('it does not judge the heat pattern.')")
    camera.flat.set()
    page.page.wait_for_selector('#refusal', state='visible')
    assert not page.page.is_visible('#no-finding')
    assert page.complaints == []


@pytest.mark.parametrize('first, then', [('stub', 'regions_only'), ('regions_only', 'stub')])
def test_a_page_that_outlives_its_model_shows_what_runs_now(serve, visit, request, first, then):
    port = serve(request.getfixturevalue(first), SwitchedCamera())
    page = visit(port).go('/')
    blocks = {'stub': '#finding', 'regions_only': '#no-finding'}
    page.page.wait_for_selector(blocks[first], state='visible')
    serve.server.stop()
    serve.thread.join()
    serve(request.getfixturevalue(then), SwitchedCamera(), port=port)
    page.page.wait_for_selector(blocks[then], state='visible')
    assert not page.page.is_visible(blocks[first])


@pytest.mark.parametrize('fault, code, sentence, step', [
    ('unplugged', 'camera-missing', 'The switched camera is not plugged in.', 'Plug it in.'),
    ('silent', 'camera-silent', 'The switched camera delivered no frame for 0.5 seconds.',
     'Check its cable and wait. If it stays so, unplug it and plug it in again.')], ids=['unplugged', 'silent'])
def test_a_camera_that_stops_and_returns(serve, stub, visit, simulated, fault, code, sentence, step):
    camera = SwitchedCamera(simulated)
    page = visit(serve(stub, camera))
    page.page.clock.install()
    page.go('/')
    page.wait(SHOWN)
    page.wait(RUNNING)
    getattr(camera, fault).set()
    page.wait(STALE)
    page.wait("(code) => document.getElementById('banner-code').innerText === code", code)
    assert page.text('#banner-sentence') == sentence
    assert page.text('#banner-step') == step + ' The picture comes back by itself when the camera does.'
    assert page.text('#running') == 'Stopped'
    assert 'old' in page.text('#age') and 'old' in page.text('#stopped')
    assert 'grayscale' in page.page.eval_on_selector('#picture', 'node => getComputedStyle(node).filter')
    page.wait(ONE_ID)  # the values are those of the picture that stands there
    before = page.picture()
    page.page.clock.fast_forward(31000)
    page.wait(EMPTY)  # nobody takes it for the next patient
    page.wait("() => document.getElementById('stopped').innerText.includes('was taken away')")
    assert not page.page.is_visible('#summary')
    getattr(camera, fault).clear()
    page.wait(RUNNING)
    page.wait(HIDDEN, 'banner')
    page.page.wait_for_selector('#readings', state='visible')
    page.wait("() => document.getElementById('running').innerText.startsWith('Live')")
    page.wait("() => getComputedStyle(document.getElementById('picture')).filter === 'none'")
    page.wait_for_another(before)
    assert page.complaints == []


def test_a_closed_shutter_is_no_patient_and_no_result(serve, stub, camera, visit):
    page = visit(serve(stub, camera)).go('/')
    page.page.wait_for_selector('#readings', state='visible')
    camera.flat.set()  # its pictures go on, each another one
    page.wait("() => document.getElementById('banner-code').innerText === 'lens-covered'")
    assert 'grayscale' in page.page.eval_on_selector('#picture', 'node => getComputedStyle(node).filter')
    page.page.wait_for_selector('#refusal', state='visible')
    assert page.text('#refusal').startswith('No result')
    assert page.text('#refusal-sentence') == 'The whole picture has the same value.'
    assert 'lens' in page.text('#refusal-step')
    assert not page.page.is_visible('#readings')
    camera.flat.clear()
    page.wait(RUNNING)
    page.page.wait_for_selector('#readings', state='visible')
    assert not page.page.is_visible('#refusal')


def test_an_analysis_that_hangs_is_told_within_the_page(serve, stub, camera, visit, monkeypatch):
    page = visit(serve(stub, camera)).go('/')
    page.wait(SHOWN)
    page.wait(RUNNING)
    analyse, released = stub.analyse, threading.Event()

    def hang(thermogram):
        released.wait(PATIENCE_S)
        return analyse(thermogram)

    monkeypatch.setattr(stub, 'analyse', hang)
    page.wait("() => document.getElementById('banner-code').innerText === 'analysis-waiting'")
    assert page.text('#banner-sentence') == 'The station is busy: the analysis takes longer than usual.'
    released.set()
    page.wait(RUNNING)


def test_a_service_that_stops_and_returns(serve, stub, camera, visit, request):
    port = serve(stub, camera)
    page = visit(port).go('/')
    page.wait(SHOWN)
    serve.server.stop()
    serve.thread.join()
    page.wait("() => document.getElementById('banner-code').innerText === 'service-silent'")
    assert page.text('#banner-sentence') == 'The station does not answer.'
    serve(stub, SwitchedCamera(), port=port)
    page.wait(RUNNING)
    before = page.picture()
    page.wait("(first) => { const c = document.createElement('canvas'); c.width = 160; c.height = 120;"
              "c.getContext('2d').drawImage(document.getElementById('picture'), 0, 0, 160, 120);"
              'return c.toDataURL() !== first; }', before)


def test_one_page_too_many_says_so(serve, stub, camera, browser, visit, monkeypatch):
    monkeypatch.setattr(streams, 'UNREAD_BYTES', 0)  # a viewer counts as one that reads at once
    monkeypatch.setattr(streams, '_STALLED_S', PATIENCE_S)  # and for as long as the test takes
    port = serve(stub, camera, max_viewers=1)
    picture_shown(serve.live)
    watching, left = threading.Event(), threading.Event()

    def watch():
        """Another connection takes the only place and reads on, as a page elsewhere would."""
        with urllib.request.urlopen('http://127.0.0.1:%d/live/events' % port) as events:
            while not left.is_set():
                events.readline()
                watching.set()

    elsewhere = threading.Thread(target=watch, daemon=True)
    elsewhere.start()
    assert watching.wait(PATIENCE_S)
    page = visit(port).go('/')
    page.wait("() => document.getElementById('banner-code').innerText === 'viewers-full'")
    assert 'Close one of them.' in page.text('#banner-step')
    left.set()
    page.wait(RUNNING)


def test_a_part_that_hangs_is_named_while_the_picture_runs(serve, stub, camera, visit):
    page = visit(serve(stub, camera)).go('/')
    page.wait(SHOWN)
    heartbeats = serve.live.heartbeats
    heartbeats.watched = True
    heartbeats.expect('storage')
    heartbeats._since_s['storage'] -= 600
    page.wait("() => document.getElementById('banner-code').innerText === 'storage-stuck'")
    assert page.text('#banner-sentence') == 'The disk does not accept data any more.'
    assert 'restarts itself' in page.text('#banner-step')
    heartbeats.beat('storage')
    page.wait(RUNNING)


def test_theme_is_the_devices_until_chosen(serve, stub, camera, visit):
    port = serve(stub, camera)
    day, night = visit(port, theme='light').go('/about'), visit(port, theme='dark').go('/about')
    ground = 'node => getComputedStyle(node).backgroundColor'
    colours = [page.page.eval_on_selector('html', ground) for page in (day, night)]
    assert colours[0] != colours[1]
    day.page.click('#theme')
    assert day.page.eval_on_selector('html', ground) == colours[1]
    day.go('/about/model')
    assert day.page.eval_on_selector('html', ground) == colours[1]


def test_announcements_are_rare(serve, stub, camera, visit):
    """A screen reader hears what changed in kind, not every frame."""
    page = visit(serve(stub, camera)).go('/')
    page.wait(SHOWN)
    page.page.evaluate("""() => {
        window.heard = [];
        new MutationObserver(() => window.heard.push(document.getElementById('announce').innerText))
            .observe(document.getElementById('announce'), { childList: true, characterData: true, subtree: true });
    }""")
    start = json.loads(serve.live.state.text)['live']['picture']
    page.wait("(start) => fetch('/live/values').then(a => a.json()).then(v => v.live.picture > start + 15)", start)
    assert len(page.page.evaluate('window.heard')) <= 2
