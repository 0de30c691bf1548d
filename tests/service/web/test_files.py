"""Opening files of the device: folders, values, pictures, and nothing outside the root."""
import json
import os
import re
import shutil
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from service.capture_file import pack_capture
from service.messages import printable
from service.opening import list_folder, places, resolve
from service.overlay import LAYERS
from service.radiometry import Raw, Temperatures
from service.readers import read_thermogram
from service.thermogram import Provenance

from ...fakes import frames


def html(client, **query):
    answer = client.get('/open', query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_root_lists_folders_then_thermograms(client):
    page = html(client)
    assert page.index('>many<') < page.index('>visit 1<') < page.index('>within.csv<')
    for absent in ('.hidden', 'out.csv', '>out<', 'notes.doc', 'secret'):
        assert absent not in page


def test_long_folders_have_pages(client):
    first, last = html(client, path='many'), html(client, path='many', page=3)
    assert 'Page 1 of 3' in first and 'view-07.csv' in first and 'view-08.csv' not in first and 'Back' not in first
    assert 'Page 3 of 3' in last and 'view-22.csv' in last and 'More' not in last
    assert 'Page 3 of 3' in html(client, path='many', page=99)


@pytest.fixture
def counted(monkeypatch):
    """Counts what asks the file system about one path."""
    asked = []
    for name in ('stat', 'lstat'):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda path, *args, _real=real, **kwargs: asked.append(path) or _real(path, *args,
                                                                                                        **kwargs))
    return asked


def test_the_work_for_a_page_does_not_grow_with_the_folder(tmp_path, counted):
    asked = []
    for count in (24, 600):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(0, count, 2):
            (folder / ('view-%03d.csv' % number)).touch()
            (folder / ('link-%03d.csv' % number)).symlink_to(folder / 'view-000.csv')
        del counted[:]
        listing = list_folder(str(folder), '', lambda name: name.endswith('.csv'), number=999)
        pages, last = -(-count // places.ENTRIES_PER_PAGE), (count - 1) % places.ENTRIES_PER_PAGE + 1
        asked.append(len(counted))
        assert [entry.name for entry in listing.entries] == ['view-%03d.csv' % (count - 2 * left)
                                                             for left in range(last, 0, -1)]
        assert (listing.number, listing.pages, listing.complete) == (pages, pages, True)
    assert asked[0] == asked[1] > 0


def test_an_endless_folder_is_cut_and_says_so(client, files_root, monkeypatch):
    monkeypatch.setattr(places, 'MAX_ENTRIES', 12)
    page = html(client, path='many')
    assert 'more than 12 entries' in page and 'Page 1 of 2' in page
    assert 'entries' not in html(client, path='visit 1').replace('class="entries"', '')


def test_links_are_looked_at_on_their_page_alone(client, files_root):
    astray = files_root / 'astray'
    astray.mkdir()
    (astray / 'zz.csv').write_text('empty enough')
    for number in range(20):
        (astray / ('away-%02d.csv' % number)).symlink_to('/etc/passwd')
    (astray / 'folder.csv').symlink_to(files_root / 'many')
    os.mkfifo(str(astray / 'pipe.csv'))
    try:
        page = html(client, path='astray')
        assert 'Nothing on this page leads to a thermogram.' in page and 'Page 1 of 3' in page and 'away' not in page
        last = html(client, path='astray', page=3)
        assert 'zz.csv' in last and '#icon-folder' in last and '>folder.csv<' in last and 'pipe.csv' not in last
    finally:
        shutil.rmtree(str(astray))


def test_long_folders_lead_to_their_ends(client, files_root):
    for number in range(91):
        (files_root / 'many' / ('more-%02d.csv' % number)).touch()
    try:
        middle = html(client, path='many', page=5)
        assert 'page=4' in middle and 'page=6' in middle and 'page=15' in middle and '>First<' in middle
        assert '>Last<' not in html(client, path='many', page=15) and '>First<' not in html(client, path='many')
    finally:
        for number in range(91):
            (files_root / 'many' / ('more-%02d.csv' % number)).unlink()


def test_a_list_is_in_the_order_that_is_chosen_and_comes_back_to_its_page(client, files_root):
    folder = files_root / 'odd & <b>'
    folder.mkdir()
    (folder / 'zz').mkdir()
    names = ['%s.csv' % letter for letter in 'abcdefghij']
    for number, name in enumerate(names):
        (folder / name).write_text('x' * (100 - number))
        os.utime(str(folder / name), (1.7e9 + 86400 * (number % 7),) * 2)
    try:
        def names_of(**asked):
            listing = list_folder(str(files_root), folder.name, lambda name: name.endswith('.csv'), **asked)
            assert listing.files == 10
            return [entry.name for entry in listing.entries]
        newest = sorted(names, key=lambda name: (-(names.index(name) % 7), name))
        assert names_of() == ['zz'] + names[:7] and names_of(number=2) == names[7:]
        assert names_of(order='date') == ['zz'] + newest[:7] and names_of(order='size') == ['zz'] + names[:7]
        assert names_of(at='j.csv') == names[7:] and names_of(at='gone.csv', number=2) == names[7:]
        page = html(client, path=folder.name, order='date')
        assert '2023-11-' in page and '94 bytes' in page and '<b>' not in page.split('<h1>')[1].split('</h1>')[0]
        address = re.search('href="(/open[?]path=[^"]*&amp;order=date)"', page.partition('zz</b>')[2]).group(1)
        opened = client.get(address.replace('&amp;', '&')).get_data(as_text=True)
        back = re.search('class="back" href="([^"]*)"', opened).group(1).replace('&amp;', '&')
        assert 'order=date' in back and 'at=' in back and 'last opened' in client.get(back).get_data(as_text=True)
        inner = html(client, path=folder.name + '/zz')
        assert 'at=zz' in inner and '<h1>zz</h1>' in inner
        assert b'order-unknown' in client.get('/open?order=luck').data
    finally:
        shutil.rmtree(str(folder))


def test_a_thumbnail_has_the_colours_of_temperatures_and_counts_without_a_scale_are_grey(client):
    def colours(name):
        answer = client.get('/open/thumbnail.png?path=visit 1/' + name)
        assert answer.status_code == 200 and answer.mimetype == 'image/png'
        picture = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (120, 160, 3)
        return picture.max(axis=2).astype(int) - picture.min(axis=2)
    assert colours('frontal.csv').max() > 100 and colours('counts.png').max() == 0
    for path in OUTSIDE + ['visit 1', 'visit 1/cut.csv', 'visit 1/notes.doc', 'visit 1/nothing']:
        answer = client.get('/open/thumbnail.png', query_string={'path': path})
        assert (answer.status_code, answer.data) == (204, b''), path


def test_folder_without_thermograms_says_so(client, files_root):
    (files_root / 'empty').mkdir()
    try:
        assert 'There are no thermograms in this folder.' in html(client, path='empty')
    finally:
        (files_root / 'empty').rmdir()  # other tests list this folder too


def test_values_of_a_file(client):
    values = client.get('/open/result?path=visit 1/frontal.csv').get_json()
    assert (values['outcome'], values['unit']) == ('result', 'celsius')
    assert values['differences']['breast']['mean'] == pytest.approx(0.6, abs=0.05)


def test_a_link_within_the_root_is_followed(client):
    assert client.get('/open/result?path=within.csv').get_json()['outcome'] == 'result'


def test_relative_pictures_have_no_celsius(client):
    values = client.get('/open/result?path=visit 1/grey.png').get_json()
    assert values['unit'] == 'relative'
    assert values['differences']['breast']['exceeds'] is None


def test_no_result_has_reasons_and_a_picture(client):
    values = client.get('/open/result?path=visit 1/flat.csv').get_json()
    assert values['outcome'] == 'no-result' and values['finding'] is None
    assert [check['next_step'] for check in values['checks'] if check['severity'] == 'problem']
    assert client.get('/open/layer.png?path=visit 1/flat.csv').status_code == 200


@pytest.mark.parametrize('layer', LAYERS)
def test_pictures_of_a_file(client, layer):
    answer = client.get('/open/layer.png', query_string={'path': 'visit 1/frontal.csv', 'layer': layer,
                                                           'palette': 'cividis'})
    assert (answer.status_code, answer.mimetype) == (200, 'image/png')
    picture = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > 400


@pytest.mark.parametrize('query, code', [({'layer': 'x'}, 'layer-unknown'), ({'palette': 'x'}, 'palette-unknown')] + [
    ({'span': text}, 'span-refused') for text in ('', '27', '35,27', '30,30', '27,35,', 'nan,inf', '1e1,2e1', '-9,1e9',
                                                 '\u0662,9', '00027.0,35')])
def test_unknown_ways_of_drawing_are_refused(client, query, code):
    answer = client.get('/open/layer.png', query_string=dict(query, path='visit 1/frontal.csv'))
    assert (answer.status_code, answer.get_json()['code']) == (400, code)


def test_the_frame_of_a_file_is_what_was_read(client, files_root):
    """Of a large file too: what is measured on the page is measured in the file."""
    celsius = frames.torso()
    large = files_root / 'visit 1' / 'large.csv'
    np.savetxt(str(large), np.repeat(np.repeat(celsius, 3, axis=0), 3, axis=1), fmt='%.2f', delimiter=';')
    try:
        for name in ('frontal', 'large'):
            values = client.get('/open/result?path=visit 1/%s.csv' % name).get_json()
            about = client.get('/open/viewing?id=%(id)s' % values).get_json()
            answer = client.get('/open/frame?id=%(id)s' % values)
            expected = np.loadtxt(str(files_root / 'visit 1' / (name + '.csv')), np.float32, delimiter=';')
            assert (about['height_px'], about['width_px'], about['reduced']) == expected.shape + (False,)
            assert answer.data[:4 * expected.size] == expected.tobytes() and len(answer.data) == 5 * expected.size
            assert answer.headers['Cache-Control'] == 'no-store'
    finally:
        large.unlink()


def test_a_file_is_analysed_once_for_values_and_pictures(client, stub, files_root):
    before = stub.backend_stub.runs
    opened = client.get('/open/result?path=visit 1/frontal.csv').get_json()
    for address in ('/open/result?id=%(id)s', '/open/layer.png?id=%(id)s', '/open/viewing?id=%(id)s',
                    '/open/frame?id=%(id)s', '/open/twin?id=%(id)s',
                    '/open/layer.png?id=%(id)s&layer=regions', '/open/result?path=visit 1/frontal.csv'):
        assert client.get(address % opened).status_code == 200
    assert stub.backend_stub.runs == before + 1


@pytest.fixture
def sticks(files_root):
    """Two sticks that are the same to the file system, and a way to exchange them under one path."""
    paths = [files_root / name / 'frontal.csv' for name in ('stick', 'other stick')]
    for path, warmer in zip(paths, (0.0, 3.0)):
        path.parent.mkdir()
        np.savetxt(str(path), frames.torso() + warmer, fmt='%.2f', delimiter=';')
        os.utime(str(path), (1, 1))

    def exchange():
        contents = [path.read_bytes() for path in paths]
        assert len(contents[0]) == len(contents[1])
        for path, content in zip(paths, reversed(contents)):
            with open(str(path), 'r+b') as stream:  # the inode stays as well
                stream.write(content)
            os.utime(str(path), (1, 1))
    yield exchange
    for path in paths:
        path.unlink()
        path.parent.rmdir()


def warmth(values):
    return values['regions']['right_breast']['mean']


def test_two_sticks_of_one_name_date_size_and_inode(client, sticks):
    first = client.get('/open/result?path=stick/frontal.csv').get_json()
    pictures = [client.get('/open/layer.png?span=20,40&id=%(id)s' % first).data]
    sticks()
    second = client.get('/open/result?path=stick/frontal.csv').get_json()
    assert warmth(second) == pytest.approx(warmth(first) + 3, abs=0.01)
    # What the first page asks for later is still the first patient's.
    assert client.get('/open/result?id=%(id)s' % first).get_json() == first
    pictures += [client.get('/open/layer.png?span=20,40&id=%(id)s' % values).data for values in (first, second)]
    assert pictures[0] == pictures[1] != pictures[2]
    assert pictures[2] == client.get('/open/layer.png?span=20,40&path=stick/frontal.csv').data


def test_a_sidecar_is_part_of_what_was_read(client, files_root):
    sidecar = files_root / 'visit 1' / 'counts.png.json'
    keys = []
    for scale in ('centikelvin', 'decikelvin', 'centikelvin'):
        sidecar.write_text(json.dumps({'scale': scale}))
        os.utime(str(sidecar), (1, 1))
        keys.append(client.get('/open/result?path=visit 1/counts.png').get_json().get('id'))
    sidecar.unlink()
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize('page', ['/', '/open', '/open?path=visit 1'])
def test_nothing_of_a_patient_is_kept_when_the_next_is_chosen(client, page):
    opened = client.get('/open/result?path=visit 1/frontal.csv').get_json()
    assert client.get(page).status_code == 200
    for route in ('result', 'layer.png', 'frame', 'viewing', 'twin'):
        answer = client.get('/open/%s?id=%s' % (route, opened['id']))
        assert (answer.status_code, answer.get_json()['code']) == (410, 'opened-gone')


def test_unreadable_file_gives_its_sentence(client):
    answer = client.get('/open/result?path=visit 1/cut.csv')
    assert answer.status_code == 400
    reason = answer.get_json()
    assert reason['code'] == 'file-truncated' and 'cut.csv' in reason['sentence']
    assert set(reason) == {'code', 'severity', 'sentence', 'next_step'}


def test_the_page_of_a_file_does_not_wait_for_it(client, shared_opened, monkeypatch):
    """It comes before the file was read, and asks for the rest."""
    monkeypatch.setattr(shared_opened, 'open', None)
    page = html(client, path='visit 1/cut.csv')
    assert 'The file is being opened.' in page and 'data-path="visit%201/cut.csv"' in page


def test_counts_offer_the_scales(client):
    reason = client.get('/open/result?path=visit 1/counts.png').get_json()
    assert reason['next_step'] == 'Choose the scale of the camera that took it.'
    scales = reason['facts']['scales']
    assert list(scales)[0] == 'centikelvin' and scales['centikelvin'] == '22 to 32 °C' and len(scales) == 6
    assert scales['centicelsius'] == '295 to 305 °C' and '--scale' not in str(reason)
    values = client.get('/open/result?path=visit 1/counts.png&scale=centikelvin').get_json()
    assert values['regions']['right_breast']['mean'] == pytest.approx(30.0, abs=0.1)
    refused = client.get('/open/result?path=visit 1/counts.png&scale=furlong')
    assert (refused.status_code, refused.get_json()['code']) == (400, 'scale-name')


def test_every_frame_of_a_recording_can_be_opened(client):
    opened = [client.get('/open/result?path=visit 1/cooling.seq&frame=%d' % frame).get_json() for frame in (1, 2, 3)]
    means = [warmth(values) for values in opened]
    assert means == pytest.approx([means[0], means[0] - 1, means[0] - 2], abs=0.01)
    assert [values['frames'] for values in opened] == [3, 3, 3]
    assert client.get('/open/layer.png?path=visit 1/cooling.seq&frame=3').status_code == 200
    assert client.get('/open/result?path=visit 1/frontal.csv').get_json()['frames'] == 1


@pytest.mark.parametrize('frame', [4, 10 ** 9 - 1])
def test_a_frame_that_is_not_there_says_how_many_there_are(client, frame):
    answer = client.get('/open/result?path=visit 1/cooling.seq&frame=%d' % frame)
    reason = answer.get_json()
    assert (answer.status_code, reason['code'], reason['facts']) == (400, 'frame-missing', {'frames': 3})
    assert 'holds frames 1 to 3' in reason['sentence']


def test_a_capture_file_opens_like_any_other(client, files_root):
    """Temperatures first as the camera had them, then as a sidecar says that they should have been."""
    source, capture = files_root / 'visit 1' / 'frontal.csv', files_root / 'visit 1' / 'frontal.tscap'
    raw = Raw(read_thermogram(source).pixels, Temperatures(None, {'emissivity': 1.0}), Provenance('frontal.csv'))
    capture.write_bytes(pack_capture([raw]))
    try:
        assert 'frontal.tscap' in html(client, path='visit 1')
        before, plain = (client.get('/open/result?path=visit 1/frontal.%s' % suffix).get_json()
                         for suffix in ('tscap', 'csv'))
        assert before['regions'] == plain['regions']
        assert client.get('/open/layer.png?path=visit 1/frontal.tscap').status_code == 200
        (files_root / 'visit 1' / 'frontal.tscap.json').write_text('{"emissivity": 0.9, "reflected_c": 20}')
        after = client.get('/open/result?path=visit 1/frontal.tscap').get_json()
        rise = after['regions']['right_breast']['mean'] - before['regions']['right_breast']['mean']
        assert rise == pytest.approx(1.05, abs=0.1)
    finally:
        for path in (files_root / 'visit 1').glob('frontal.tscap*'):
            path.unlink()


OUTSIDE = ['..', '../secret.csv', 'visit 1/../../secret.csv', '/etc/passwd', '//etc/passwd', '/', 'out',
           'out/secret.csv', 'out.csv', 'visit 1/\0.csv', 'a' * 1025]
NOWHERE = ['nothing', 'visit 1/frontal.csv/more', 'a' * 300, 'visit 1/\udcff.csv']


@pytest.mark.parametrize('route', ['/open', '/open/result', '/open/layer.png'])
@pytest.mark.parametrize('path', OUTSIDE)
def test_nothing_outside_the_root(client, route, path):
    answer = client.get(route, query_string={'path': path})
    assert answer.status_code == 400
    assert b'path-refused' in answer.data and b'root:' not in answer.data


@pytest.mark.parametrize('path', NOWHERE[:3])
def test_what_is_not_there(client, path):
    answer = client.get('/open/result', query_string={'path': path})
    assert (answer.status_code, answer.get_json()['code']) == (404, 'path-missing')


@pytest.mark.parametrize('path', NOWHERE)
def test_what_cannot_be_there(files_root, path):
    with pytest.raises(Exception) as caught:
        resolve(str(files_root), path)
    assert caught.value.code == 'path-missing'


def test_pipes_are_not_opened(client, files_root):
    pipe = files_root / 'pipe.csv'
    if not pipe.exists():
        os.mkfifo(str(pipe))
    assert client.get('/open/result?path=pipe.csv').get_json()['code'] == 'path-refused'
    pipe.unlink()


def test_a_folder_is_no_thermogram(client):
    assert client.get('/open/result?path=visit 1').get_json()['code'] == 'path-folder'


def test_names_that_no_page_can_show_are_left_out(tmp_path):
    raw = os.fsencode(str(tmp_path))
    for name in (b'good.csv', b'bad-\xff.csv'):
        with open(os.path.join(raw, name), 'wb'):
            pass
    listing = list_folder(str(tmp_path), '', lambda name: True)
    assert [entry.name for entry in listing.entries] == ['good.csv']


@pytest.mark.parametrize('name', ['\x1b[2J.csv', '\u202egnp.csv', 'Mu\u0308ller.csv', 'a\nb.csv', 'a\u200bb.csv'])
def test_a_name_that_acts_or_hides_is_shown_as_its_escape_and_opens(client, files_root, name):
    folder = files_root / 'odd\u202e'
    folder.mkdir()
    try:
        shutil.copy(str(files_root / 'visit 1' / 'frontal.csv'), str(folder / name))
        for query in ({'path': folder.name}, {'path': folder.name + '/' + name}):
            page = html(client, **query)
            assert printable(name) in page and name not in page and '\u202e' not in page
        # The path itself stays exact, for the script that asks for the values.
        assert 'data-path="%s"' % quote(folder.name + '/' + name) in page
        values = client.get('/open/result', query_string={'path': folder.name + '/' + name}).get_json()
        assert values['outcome'] == 'result'
        refused = client.get('/open/result', query_string={'path': folder.name + '/' + name, 'frame': 9}).get_json()
        assert name not in refused['sentence']
    finally:
        shutil.rmtree(str(folder))


def test_root_that_is_gone_says_which(client, app, tmp_path):
    services = app.extensions['thermoscreen']
    object.__setattr__(services.settings, 'files_root', str(tmp_path / 'unplugged'))
    answer = client.get('/open')
    assert answer.status_code == 404
    assert 'unplugged' in answer.get_data(as_text=True) and b'files_root' in answer.data
