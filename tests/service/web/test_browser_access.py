"""Whether gloves, tired eyes, keyboards and small panels can use every page."""
import pytest

pytestmark = pytest.mark.browser

PAGES = ['/', '/open', '/open?path=visit 1/frontal.csv', '/open?path=visit 1/cut.csv', '/open?path=visit 1/counts.png',
         '/open?path=visit 1/grey.png', '/open?path=many', '/about', '/about/model', '/about/metrics',
         '/about/software', '/status', '/status/timing', '/status/board', '/nowhere']
SCREENS, SMALL_SCREENS = [(1024, 600), (1280, 800)], [(800, 480), (600, 1024), (480, 800)]
VIEWS = ['summary', 'meaning', 'regions', 'timing']

READY = "() => !document.getElementById('tiles') || document.querySelectorAll('#tiles dd').length === 3"
MEASURE = '''() => {
  const seen = (node) => node.checkVisibility ? node.checkVisibility() : node.offsetParent !== null;
  const root = document.documentElement;
  const name = (node) => node.tagName + '.' + node.className + ' ' + node.innerText;
  const targets = [...document.querySelectorAll('a, button, select')].filter(seen);
  const boxes = targets.map((node) => node.getBoundingClientRect());
  const near = [];
  boxes.forEach((one, i) => boxes.forEach((two, j) => {
    const x = Math.max(one.left, two.left) - Math.min(one.right, two.right);
    const y = Math.max(one.top, two.top) - Math.min(one.bottom, two.bottom);
    if (i < j && Math.max(x, y) < 7.5) near.push(name(targets[i]) + ' / ' + name(targets[j]));
  }));
  const words = [...document.querySelectorAll('body *')].filter((node) => seen(node)
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
  return {
    wide: root.scrollWidth - root.clientWidth,
    high: root.scrollHeight - root.clientHeight,
    inner: [...document.querySelectorAll('.content, .stage, .panel, .paper, [data-paged]')].filter(seen)
      .filter((node) => node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1)
      .map((node) => node.className + ' ' + node.scrollHeight + '/' + node.clientHeight),
    small: targets.filter((node, k) => boxes[k].width < 47.5 || boxes[k].height < 47.5).map(name),
    near,
    outside: targets.filter((node, k) => boxes[k].right > innerWidth + 1 || boxes[k].bottom > innerHeight + 1)
      .map(name),
    tiny: words.filter((node) => parseFloat(getComputedStyle(node).fontSize) < 18).map(name),
    nameless: targets.filter((node) => !node.innerText.trim() && !node.getAttribute('aria-label')).map(name),
  };
}'''


def measured(page):
    """What is too small, too near, cut off or outside on a page that has its styles."""
    page.page.wait_for_load_state()
    return {what: found for what, found in page.page.evaluate(MEASURE).items() if found}


def test_axe_is_here_and_sees_what_is_wrong(common_port, visit):
    page = visit(common_port).go('/about')
    assert page.violations() == []
    page.page.evaluate("""() => {
        Object.assign(document.querySelector('footer.notice').style, { color: '#eee', background: '#fff' });
        document.querySelector('main').insertAdjacentHTML('beforeend', '<img src="/static/icons/mark.svg">');
    }""")
    assert sorted(rule for rule, _ in page.violations()) == ['color-contrast', 'image-alt']
    assert [rule for rule, _ in page.violations('color-contrast')] == ['color-contrast']


@pytest.mark.parametrize('path', PAGES)
def test_every_page_fits_can_be_touched_and_has_its_landmarks(common_port, visit, path):
    page = visit(common_port).go(path)
    if 'cut' not in path and 'counts' not in path:
        page.wait(READY)
    for size in SCREENS:
        page.resize(size)
        assert measured(page) == {}, size
    assert page.violations() == []
    page.page.evaluate("() => { document.documentElement.dataset.theme = 'day'; }")
    assert page.violations('color-contrast') == []
    for selector in ('main', 'h1', 'footer', 'nav[aria-label=Pages]'):
        assert len(page.page.query_selector_all(selector)) == 1, selector
    doubles = page.page.evaluate("""() => {
        const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
        return ids.filter((id, index) => ids.indexOf(id) !== index);
    }""")
    assert doubles == []
    assert page.page.eval_on_selector_all('img:not([alt])', 'nodes => nodes.length') == 0


@pytest.mark.parametrize('path', ['/', '/open?path=visit 1/frontal.csv'])
def test_every_view_fits(common_port, visit, path):
    page = visit(common_port).go(path)
    page.wait(READY)
    for view in VIEWS:
        page.page.click('[data-view=%s]' % view) if view != 'summary' else None
        assert measured(page) == {}, view
        assert page.violations() == [], view


def test_every_page_fits_without_a_finding(serve, regions_only, camera, visit):
    page = visit(serve(regions_only, camera))
    for path in ('/', '/open?path=visit 1/frontal.csv', '/open?path=visit 1/grey.png', '/about/model'):
        page.go(path).wait(READY)
        for size in SCREENS:
            page.resize(size)
            assert measured(page) == {}, (path, size)


def test_smaller_panels_are_usable(common_port, visit):
    """Nothing overlaps, nothing leaves the screen sideways; the panel's inside may scroll."""
    page = visit(common_port).go('/')
    page.wait(READY)
    for size in SMALL_SCREENS:
        page.resize(size)
        found = measured(page)
        found.pop('inner', None)
        assert found == {}, size
        box = page.page.query_selector('#frame').bounding_box()
        assert box['width'] > 0.55 * size[0] and box['height'] > 0.35 * size[1], size
        assert page.page.query_selector('footer.notice').bounding_box()['y'] < size[1], size


def test_picture_is_as_large_as_it_goes(common_port, visit):
    page = visit(common_port).go('/')
    page.wait("() => !document.getElementById('picture').hidden")
    box = page.page.query_selector('#frame').bounding_box()
    # The picture in it, without the notice: 668 wide, of which the thermogram has 640 of 706 parts.
    assert box['width'] >= 665 and box['height'] >= 454


def test_keyboard_reaches_everything_and_shows_where_it_is(common_port, visit):
    page = visit(common_port).go('/')
    page.wait(READY)
    reached = []
    for _ in range(9):
        page.page.keyboard.press('Tab')
        reached.append(page.page.evaluate('document.activeElement.innerText || document.activeElement.id'))
        assert page.page.evaluate('getComputedStyle(document.activeElement).outlineWidth') == '4px'
    assert reached == ['Live', 'Files', 'Status', 'About', 'theme', 'Result', 'Regions', 'Timing', 'Meaning']
    page.page.keyboard.press('Enter')
    assert page.page.is_visible('#meaning')
