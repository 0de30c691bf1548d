"""The two themes, from their variables alone: what is written on what, and how far apart they are."""
import re

import pytest

#: (what is drawn, what it is drawn on, least contrast): text needs 4.5, edges of controls 3.
PAIRS = [('ink', 'ground', 4.5), ('ink', 'surface', 4.5), ('ink', 'faint', 4.5), ('muted', 'ground', 4.5),
         ('muted', 'surface', 4.5), ('chosen-text', 'chosen', 4.5), ('attention', 'surface', 4.5),
         ('attention', 'attention-ground', 4.5), ('ink', 'attention-ground', 4.5), ('line', 'ground', 3),
         ('line', 'surface', 3), ('chosen', 'ground', 3), ('fill', 'track', 3), ('ink', 'track', 3),
         ('focus', 'ground', 3), ('focus', 'surface', 3), ('attention', 'ground', 3)]


@pytest.fixture(scope='module')
def styles(root):
    return (root / 'service' / 'web' / 'static' / 'css' / 'theme.css').read_text()


def variables(styles, selector):
    block = re.search(re.escape(selector) + r' \{(.*?)\}', styles, re.S).group(1)
    return dict(re.findall(r'--([a-z-]+): (#[0-9a-f]{6});', block))


def luminance(colour):
    channels = [int(colour[k:k + 2], 16) / 255.0 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_itself():
    assert contrast('#000000', '#ffffff') == pytest.approx(21)
    assert contrast('#777777', '#ffffff') == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize('selector', [':root', ":root[data-theme='night']"])
@pytest.mark.parametrize('drawn, ground, least', PAIRS)
def test_contrast(styles, selector, drawn, ground, least):
    colours = variables(styles, selector)
    assert contrast(colours[drawn], colours[ground]) >= least


def test_both_themes_name_the_same_colours(styles):
    assert set(variables(styles, ':root')) == set(variables(styles, ":root[data-theme='night']"))


def test_colours_are_named_once(root):
    for sheet in (root / 'service' / 'web' / 'static' / 'css').glob('*.css'):
        text = re.sub(r'/\*.*?\*/', '', sheet.read_text(), flags=re.S)
        colours = re.findall(r'#[0-9a-f]{3,8}\b|rgba?\(|hsl', text)
        if sheet.name == 'theme.css':
            continue
        assert not colours, sheet.name


def test_nothing_moves_or_blinks(root):
    for sheet in (root / 'service' / 'web' / 'static' / 'css').glob('*.css'):
        assert not re.search(r'animation|transition|@keyframes|blink', sheet.read_text()), sheet.name
