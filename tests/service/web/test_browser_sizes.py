"""How large things are to an eye one metre away, and to a finger in a glove."""
import math

import pytest

pytestmark = pytest.mark.browser

#: The smallest panel: 7 inches, 154 mm wide, 1024x600.
PANEL, MM_A_PX = (1024, 600), 154 / 1024.0

SIZES = '''() => {
  const probe = document.createElement('p');
  probe.textContent = 'H';
  document.body.append(probe);
  const sizes = {};
  for (const name of ['number', 'text', 'head', 'small', 'touch', 'press', 'gap']) {
    probe.style.fontSize = `var(--${name})`;
    sizes[name] = parseFloat(getComputedStyle(probe).fontSize);
  }
  const canvas = document.createElement('canvas').getContext('2d');
  canvas.font = '1000px ' + getComputedStyle(document.body).fontFamily;
  probe.remove();
  return { ...sizes, capital: canvas.measureText('H').actualBoundingBoxAscent / 1000 };
}'''


def arcmin(height_mm, distance_mm=1000.0):
    return math.degrees(2 * math.atan(height_mm / 2 / distance_mm)) * 60


@pytest.fixture
def sizes_at(common_port, visit):
    """The sizes of the style sheet in CSS pixels, on a screen of a size and at a zoom."""
    pages = {}

    def measure(size, zoom=1.0):
        if zoom not in pages:
            pages[zoom] = visit(common_port, size=size, zoom=zoom).go('/about')
            pages[zoom].page.evaluate('document.fonts.ready')
            assert pages[zoom].page.evaluate("document.fonts.check('16px \"Noto Sans Condensed\"')")
        pages[zoom].resize((int(size[0] / zoom), int(size[1] / zoom)))
        return pages[zoom].page.evaluate(SIZES)
    return measure


def test_sizes_are_for_one_metre_and_grow_with_the_screen_and_with_the_zoom(sizes_at):
    for size in (PANEL, PANEL[::-1]):
        small = sizes_at(size)
        mm = {name: px * MM_A_PX for name, px in small.items()}
        assert arcmin(mm['number'] * small['capital']) >= 20
        assert arcmin(mm['text'] * small['capital']) >= 16
        assert mm['touch'] >= 15 and mm['press'] >= 7.2 and mm['gap'] >= 1.2
        # What is read from nearer says from where: 16 arcmin again.
        assert arcmin(mm['head'] * small['capital'], 550) >= 16 and arcmin(mm['small'] * small['capital'], 400) >= 16
    large, zoomed = sizes_at((1920, 1080)), sizes_at(PANEL, zoom=2.0)
    # On a large screen the letters are large already; a browser goes to 500 %.
    furthest = sizes_at((1920, 1080), zoom=5.0)
    for name in set(small) - {'capital'}:
        assert large[name] == pytest.approx(1.8 * small[name], rel=0.02), name
        assert 2 * zoomed[name] >= 1.99 * small[name], name
        assert 5 * furthest[name] >= 2 * large[name], name


def test_what_is_read_from_a_metre_has_these_sizes(common_port, visit):
    page = visit(common_port).go('/')
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    page.page.wait_for_selector('#gate-says', state='visible')
    sizes = page.page.evaluate(SIZES)
    drawn = {selector: page.page.eval_on_selector(selector, 'node => parseFloat(getComputedStyle(node).fontSize)')
             for selector in ('#tiles dd', '#sentence b', '#gate-says', '#banner', 'footer.notice')}
    assert drawn == {'#tiles dd': sizes['number'], '#sentence b': sizes['text'], '#gate-says': sizes['text'],
                     '#banner': sizes['text'], 'footer.notice': sizes['small']}
    # The picture's own notice, which copies keep, is not shown beside the page's.
    assert 'inset' in page.page.eval_on_selector('#picture', 'node => getComputedStyle(node).objectViewBox')
    page.go('/nowhere')
    assert page.page.query_selector('.next').bounding_box()['height'] >= sizes['touch'] - 0.1


def test_twice_the_zoom_leaves_one_column_and_no_sideways_scrolling(common_port, visit):
    page = visit(common_port, zoom=2.0).go('/')
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    for path in ('/', '/status', '/about/model', '/nowhere'):
        page.go(path)
        assert page.page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path


def test_icons_need_no_service(common_port, visit):
    page = visit(common_port).go('/')
    used = page.page.eval_on_selector_all('use', "nodes => nodes.map(node => node.getAttribute('href'))")
    assert used and all(page.page.query_selector(href) for href in used)
