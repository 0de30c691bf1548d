"""Opening files in a real browser."""
import re

import pytest

from service.degrees import shown

pytestmark = pytest.mark.browser

SHOWN = "() => document.querySelector('#picture[data-painted]:not([hidden])')"
PAINTED = "(words) => document.querySelector('#picture[data-painted]').dataset.painted.endsWith(words)"
#: Every file of a list was asked for, and all but the damaged one have their small picture.
THUMBNAILS = '''() => { const all = Array.from(document.querySelectorAll('.thumbnail img'));
  return all.length && all.every((one) => !one.hidden || one.src.includes('cut')); }'''
#: What the browser says of an answer that carries a refusal.
TOLD = 'Failed to load resource: the server responded with a status of 400 (BAD REQUEST)'
REFUSED = "() => document.body && document.body.classList.contains('refused')"


@pytest.fixture
def open_files(common_port, visit):
    """A page on the list of files."""
    return visit(common_port).go('/open')


def test_from_the_list_to_the_result(open_files):
    page = open_files
    page.page.click('text=visit 1')
    page.wait(THUMBNAILS)
    assert page.page.eval_on_selector_all('.thumbnail img', 'all => all.map((one) => one.hidden)').count(True) == 1
    page.page.click('text=frontal.csv')
    page.wait(SHOWN)
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert page.text('#tiles').split()[1] == '30.0'
    assert page.text('.what') == 'frontal.csv'
    shown = page.picture()
    page.page.click('[data-view=layers]')
    for layer in ('equalised', 'regions', 'difference'):
        page.page.click('[data-choice=layer] [value=%s]' % layer)
        page.wait(PAINTED, 'one ' + layer)
        page.wait_for_another(shown)
        shown = page.picture()
    page.page.click('[data-choice=layer] [value=original]')
    page.page.click('[data-view=palette]')
    page.page.click('[data-choice=palette] [value=grey]')
    page.wait("() => document.getElementById('picture').dataset.painted.startsWith('grey ')")
    page.page.click('button[data-view=signs]')
    rows = page.page.eval_on_selector_all('table.signs tbody tr', 'rows => rows.map(row => row.innerText.split("\\t"))')
    assert len(rows) == 12 and rows[0] == ['Breast against breast', '0.6 left', '1.0', 'not met']
    assert rows[1][2] == '1.5*' and rows[7][1] == 'none found' and 'not read in full' in page.text('#signs')
    # The last column says whether a sign is met: it is in the panel, however long the words are.
    assert page.page.evaluate('''() => {
        const fill = (column, words) => document.querySelectorAll('table.signs td:nth-child(' + column + ')')
            .forEach((cell) => { cell.textContent = words; });
        fill(2, 'none found');
        fill(4, 'not assessable');
        const panel = document.querySelector('.content');
        return panel.scrollWidth - panel.clientWidth;
    }''') == 0
    page.page.click('text=Folder')
    assert page.text('h1') == 'visit 1' and page.text('.last b') == 'frontal.csv'
    assert page.complaints == []


def _told(page):
    """What the panel says of a file, view by view, with a spot, a box and an isotherm in the picture."""
    page.go('/open?path=visit 1/frontal.csv')
    page.wait(SHOWN)
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    box, said = page.page.query_selector('#picture').bounding_box(), {}
    for view in ('summary', 'regions', 'signs', 'span', 'isotherm', 'spot', 'box', 'line', 'histogram'):
        page.page.click('button[data-view=%s]' % view)
        if view == 'isotherm':
            page.page.click('[data-choice=isotherm] [value=between]')
        elif view == 'span':
            page.page.click('[data-stepper=level] [value="1"]')
        elif view in ('spot', 'box', 'line'):
            page.page.mouse.move(box['x'] + 0.3 * box['width'], box['y'] + 0.5 * box['height'])
            page.page.mouse.down()
            page.page.mouse.move(box['x'] + 0.4 * box['width'], box['y'] + 0.6 * box['height'], steps=3)
            page.page.mouse.up()
            page.wait("() => !document.querySelector('.content').innerText.includes('…')")
        said[view] = page.text('.content')
    assert page.complaints == []
    return said


def test_a_file_in_fahrenheit_says_what_it_says_in_celsius(serve, stub, camera, visit):
    number = r'[-+\u2212]?\d+(?:\.\d+)?'
    in_c, in_f = (_told(visit(serve(stub, camera, temperatures=unit))) for unit in ('celsius', 'fahrenheit'))
    for view, before in in_c.items():
        assert '°C' not in in_f[view] and in_f[view].count('°F') == before.count('°C'), view
        pairs = list(zip(re.findall(number, in_f[view]), re.findall(number, before)))
        assert all(said in (old, shown(old), shown(old, True)) for said, old in pairs), (view, in_f[view], before)
        assert any(said != old for said, old in pairs) and len(pairs) == len(re.findall(number, before)), view
    assert in_c['summary'].count('30.0') and '86.0' in in_f['summary']
    assert re.search('difference\n0.6', in_c['summary']) and re.search('difference\n1.1', in_f['summary'])


def test_a_file_of_a_model_without_a_finding(serve, regions_only, camera, visit):
    page = visit(serve(regions_only, camera)).go('/open?path=visit 1/frontal.csv')
    for view in ('regions', 'timing', 'summary'):
        page.page.click('button[data-view=%s]' % view)
        assert page.page.query_selector('[data-view=meaning]') is None
    page.page.wait_for_selector('#no-finding', state='visible')
    assert not page.page.is_visible('#finding') and page.complaints == []


def test_an_unreadable_file_gives_its_sentence(open_files):
    page = open_files.go('/open?path=visit 1')
    page.page.click('text=cut.csv')
    page.wait(REFUSED)
    assert page.text('#banner-sentence').startswith('cut.csv is cut off in line ')
    assert page.text('#banner-code') == 'file-truncated'
    assert not page.page.is_visible('#picture') and not page.page.is_visible('.tools')
    assert page.page.is_visible('footer.notice')
    page.page.click('text=Folder')
    assert page.text('h1') == 'visit 1'
    assert page.complaints == [TOLD]


def test_counts_become_temperatures_with_one_touch(open_files):
    page = open_files.go('/open?path=visit 1/counts.png')
    page.wait(REFUSED)
    assert 'counts' in page.text('#banner-sentence') and 'Choose the scale' in page.text('#banner-step')
    assert page.text('#scales a') == '22 to 32 °C\ncentikelvin'
    page.page.click('text=centikelvin')
    page.wait(SHOWN)
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert page.text('#tiles').split()[1] == '30.0'
    assert page.complaints == [TOLD]


def test_a_recording_is_looked_through_frame_by_frame(open_files):
    page = open_files.go('/open?path=visit 1/cooling.seq')
    warmest = None
    for frame in (1, 2, 3):
        page.wait(SHOWN)
        page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
        assert page.text('.count') == 'Frame %d of 3' % frame
        mean = float(page.text('#tiles').split()[1])
        assert warmest is None or mean == pytest.approx(warmest - frame + 1, abs=0.11)
        warmest = warmest or mean
        if frame < 3:
            page.page.click('text=Next')
            page.wait('(frame) => location.search.includes("frame=" + frame)', frame + 1)
    page.page.click('text=Previous')
    page.wait('() => location.search.includes("frame=2")')
    page.wait(SHOWN)
    assert page.text('.count') == 'Frame 2 of 3' and page.complaints == []


def test_a_picture_without_temperatures_never_says_celsius(open_files):
    page = open_files.go('/open?path=visit 1/grey.png')
    page.wait(SHOWN)
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert page.text('#unit-note') == 'No temperatures: breast mean in grey levels'
    for view in ('summary', 'regions'):
        page.page.click('button[data-view=%s]' % view)
        words = page.text('#' + view).split()
        assert 'C' not in words and 'C.' not in words and 'Celsius' not in words
    assert 'not compared' in page.text('#regions')


def test_no_result_of_a_file(open_files):
    page = open_files.go('/open?path=visit 1/flat.csv')
    page.wait(SHOWN)
    page.page.wait_for_selector('#refusal', state='visible')
    assert page.text('#refusal-sentence') == 'The whole picture has the same value.'
    page.page.click('button[data-view=regions]')
    assert 'No regions are marked in this picture.' in page.text('#regions')


def test_a_doubtful_header_is_told_beside_the_values(open_files):
    page = open_files.go('/open?path=visit 1/hot room.fff')
    page.page.wait_for_selector('#warnings', state='visible')
    assert 'reflected temperature is 75 °C' in page.text('#warnings')
    assert '9 of 9 quality checks passed' in page.text('#checks') and page.page.is_visible('#readings')
    assert page.complaints == []
    page.go('/open?path=visit 1/frontal.csv')
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert not page.page.is_visible('#warnings')


def test_a_picture_that_is_not_kept_is_read_again_with_its_values(serve, stub, camera, visit):
    """Another page went back to the list meanwhile; what is shown then comes from one new reading."""
    port = serve(stub, camera)
    page = visit(port).go('/open?path=visit 1/frontal.csv')
    page.wait(SHOWN)
    serve.services.opened.clear()
    page.page.click('[data-view=layers]')
    before = page.picture()
    page.page.click('[data-choice=layer] [value=regions]')
    page.wait_for_another(before)
    page.wait("() => document.getElementById('banner').hidden")


def test_folders_turn_pages(open_files):
    page = open_files
    page.page.click('text=many')
    page.page.click('text=More')
    assert 'Page 2 of 3' in page.text('.count') and 'view-10.csv' in page.text('.entries')
    page.page.click('text=view-10.csv')
    page.page.click('text=Folder')
    assert 'Page 2 of 3' in page.text('.count') and page.text('.last b') == 'view-10.csv'
    page.page.click('text=Up')
    assert page.text('h1') == 'Files'
