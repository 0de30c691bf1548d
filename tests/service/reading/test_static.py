"""Every sign of one picture against what was planted, or against a plain calculation of its own."""
import json
import math
import re

import numpy as np
import pytest

from service.messages import PROBLEM, Message
from service.reading import MET, NOT_ASSESSABLE, NOT_MET, OWN, RULES, grid_of, mirrored_map, read_signs, scale_of
from service.reading.vessels import line_contrast, thinned
from service.regions import LEFT_BREAST, LEFT_NIPPLE, RIGHT_BREAST, RIGHT_NIPPLE
from service.simulator import make_phantom
from service.simulator.anatomy import MM_PER_UNIT, Canvas, Posture

from .making import LABELS, LENS, NIPPLES, bump, even_torso, result_of

#: A spot of 2.1 °C and 20 mm is planted in its left breast.
SEED, HEIGHT, WIDTH = 30, 240, 320


@pytest.fixture(scope='module')
def phantom():
    return make_phantom(SEED, HEIGHT, WIDTH, abnormal=True)


@pytest.fixture(scope='module')
def result(phantom):
    return result_of(phantom.celsius, phantom.labels)


@pytest.fixture(scope='module')
def reading(result):
    return read_signs(result)


def plain_means(celsius, named):
    """Means of pixels that a plain function of (row, column) puts under names."""
    picked = {}
    for row in range(HEIGHT):
        for column in range(WIDTH):
            for name in named(row, column):
                picked.setdefault(name, []).append(float(celsius[row, column]))
    return {name: sum(values) / len(values) for name, values in picked.items()}


def middle(labels, region):
    rows, columns = np.where(labels == region)
    return sum(rows) / len(rows), sum(columns) / len(columns), math.sqrt(len(rows) / math.pi)


def test_breasts_are_compared_as_in_the_table_of_regions(result, reading):
    sign = reading.sign('global-difference')
    assert sign.value == pytest.approx(next(pair.mean for pair in result.differences if pair.pair == 'breast'))
    celsius, skin = result.thermogram.pixels, result.thermogram.pixels > result.body.threshold
    left, right = (sorted(celsius[(result.labels == region) & skin].tolist()) for region in (LEFT_BREAST, RIGHT_BREAST))
    trimmed = [part[len(part) // 10:len(part) - len(part) // 10] for part in (left, right)]
    assert sign.numbers['trimmed_mean'] == pytest.approx(np.subtract(*map(np.mean, trimmed)), abs=1e-4)
    assert sign.numbers['median'] == pytest.approx(np.median(left) - np.median(right), abs=1e-4)
    assert reading.sign('global-difference-ville-marie').value == sign.value


def test_quadrants_areolae_and_folds_are_those_of_a_plain_calculation(phantom, result, reading):
    labels, least = phantom.labels.tolist(), result.body.threshold
    skin = (phantom.celsius > least).tolist()
    sides = {'left': (LEFT_BREAST, LEFT_NIPPLE, 1), 'right': (RIGHT_BREAST, RIGHT_NIPPLE, -1)}
    nipples = {side: middle(phantom.labels, nipple) for side, (_, nipple, _) in sides.items()}
    height = round(15 / reading.scale.mm_per_px)
    assert grid_of(result, reading.scale).step_px == 1  # cells are pixels
    lowest = {}
    for side, (breast, nipple, _) in sides.items():
        rows = {column: max(row for row in range(HEIGHT) if labels[row][column] in (breast, nipple))
                for column in range(WIDTH) if any(line[column] in (breast, nipple) for line in labels)}
        cut = int(len(rows) * 0.2)
        lowest[side] = {column: rows[column] for column in sorted(rows)[cut:len(rows) - cut]}

    def named(row, column):
        for side, (breast, nipple, outwards) in sides.items() if skin[row][column] else ():
            label, (y, x, radius) = labels[row][column], nipples[side]
            if label == breast:
                yield side, ('upper_' if row < y else 'lower_') + ('outer' if (column - x) * outwards > 0 else 'inner')
            if label in (breast, nipple):
                radii = math.hypot(row - y, column - x) / radius
                if radii <= 3:
                    yield side, 'disc' if radii <= 1.5 else 'ring'
            if label == 0 and column in lowest[side] and 0 < row - lowest[side][column] <= height:
                yield side, 'band'
    means = plain_means(phantom.celsius, named)

    quadrants = reading.sign('quadrant-difference')
    for name in ('upper_outer', 'upper_inner', 'lower_outer', 'lower_inner'):
        assert quadrants.numbers[name] == pytest.approx(means['left', name] - means['right', name], abs=1e-3)
    assert quadrants.value == max(quadrants.numbers.values(), key=abs)
    areola = reading.sign('areola-difference')
    assert areola.value == pytest.approx(means['left', 'disc'] - means['right', 'disc'], abs=1e-3)
    ring = reading.sign('areola-ring')
    assert ring.numbers == {side: pytest.approx(means[side, 'disc'] - means[side, 'ring'], abs=1e-3) for side in sides}
    assert ring.value == max(ring.numbers.values())
    fold = reading.sign('fold-difference')
    assert fold.value == pytest.approx(means['left', 'band'] - means['right', 'band'], abs=1e-3)


@pytest.mark.parametrize('side, sign', [('left', 1), ('right', -1)])
def test_a_planted_spot_is_found_where_it_is(side, sign):
    outwards = 1 if side == 'left' else -1
    nipple_x, nipple_y = NIPPLES[side]
    x, y, peak, sigma = nipple_x - outwards * 30, nipple_y - 40, 3.0, 8.0
    reading = read_signs(result_of(even_torso() + bump(x, y, peak, sigma)), **LENS)
    assert reading.scale.mm_per_px == pytest.approx(1.0)

    # The set of radius r is warmer than the median of its ring, which lies where half of the ring's area is: at
    # sqrt(5) radii. It is smoothed with 2 mm first.
    wide, high = math.hypot(sigma, 2), peak * sigma ** 2 / (sigma ** 2 + 4)
    radius = 8.0
    for _ in range(50):
        ring = high * math.exp(-5 * radius ** 2 / (2 * wide ** 2))
        radius = wide * math.sqrt(2 * math.log(high / (ring + 1.0)))
    area_mm2 = math.pi * radius ** 2
    mean = high * wide ** 2 / (radius ** 2 / 2) * (1 - math.exp(-radius ** 2 / (2 * wide ** 2)))
    focal = reading.sign('focal-spot')
    assert focal.state == MET and focal.numbers['spots'] == 1
    assert focal.numbers['area_cm2'] == pytest.approx(area_mm2 / 100, rel=0.05)
    assert focal.value == pytest.approx(mean - ring, abs=0.05)
    assert reading.sign('focal-spot-ville-marie').value == pytest.approx(mean, abs=0.05)
    spot, = focal.spots
    assert spot.region == side + '_breast' and (spot.x_px, spot.y_px) == pytest.approx((x, y), abs=1.5)
    assert spot.value == pytest.approx(30 + peak, abs=0.1)
    outline = np.array(focal.outline)
    assert outline.mean(axis=0) == pytest.approx([x, y], abs=1.5)
    assert np.ptp(outline[:, 0]) / 2 == pytest.approx(radius, abs=1.5)

    # Smoothed with 4 mm, it is warmer than this on a square centimetre, and its mirrored site is even.
    wide, high = math.hypot(sigma, 4), peak * sigma ** 2 / (sigma ** 2 + 16)
    level = high * math.exp(-(100 / math.pi) / (2 * wide ** 2))
    patch = reading.sign('mirror-patch')
    assert patch.state == MET and patch.value == pytest.approx(sign * level, abs=0.06)
    assert patch.numbers['residual_mm'] < 2 and patch.numbers['border_mm'] == 10
    assert patch.numbers['patch_cm2'] == pytest.approx(2 * math.pi * wide ** 2 * math.log(high) / 100, rel=0.06)
    assert (patch.numbers['side'], patch.numbers['clock']) == (side, 11 if side == 'left' else 1)
    assert patch.numbers['from_nipple_mm'] == pytest.approx(math.hypot(30, 40), abs=1.5)
    assert patch.spots[0].x_px == pytest.approx(x, abs=2) and patch.spots[0].y_px == pytest.approx(y, abs=2)
    assert np.array(patch.outline).mean(axis=0) == pytest.approx([x, y], abs=2)
    for limit in (0.5, 1.0, 2.0):
        area_cm2 = 2 * math.pi * wide ** 2 * math.log(high / limit) / 100
        share = patch.numbers['share_above_%02d' % (10 * limit)]
        assert share * patch.numbers['compared_cm2'] == pytest.approx(area_cm2, abs=0.25)
    assert reading.sign('mirror-patch-ville-marie').state == (MET if level > 2 else NOT_MET)
    hottest = reading.sign('hottest-difference')
    assert hottest.state == MET and sign * hottest.value == pytest.approx(peak, abs=0.15)
    assert hottest.numbers[side + '_points'] == 1


def test_a_long_spot_is_no_focal_spot_and_two_alike_are_no_difference():
    celsius, (x, y) = even_torso(), NIPPLES['left']
    for offset in range(-24, 25, 2):
        celsius = np.maximum(celsius, even_torso() + bump(x - 35, y - 40 + offset, 2.5, 5))
    assert read_signs(result_of(celsius), **LENS).sign('focal-spot').numbers['spots'] == 0

    alike = even_torso() + bump(x - 30, y - 30, 3.0, 8.0) + bump(319 - x + 30, y - 30, 3.0, 8.0)
    reading = read_signs(result_of(alike), **LENS)
    assert reading.sign('focal-spot').numbers['spots'] == 2
    for name in ('global-difference', 'quadrant-difference', 'mirror-patch', 'hottest-difference'):
        assert reading.sign(name).state == NOT_MET and abs(reading.sign(name).value) < 0.2, name
    assert 'equally warm' in reading.sign('global-difference').sentence


def test_what_was_planted_in_a_phantom_is_what_its_map_gains(phantom, result, reading):
    plain = make_phantom(SEED, HEIGHT, WIDTH, abnormal=False)
    before = result_of(plain.celsius, phantom.labels)
    change = reading.sign('global-difference').value - read_signs(before).sign('global-difference').value
    added, skin = phantom.celsius.astype(float) - plain.celsius, phantom.celsius > result.body.threshold
    left, right = (added[(phantom.labels == region) & skin].mean() for region in (LEFT_BREAST, RIGHT_BREAST))
    assert change == pytest.approx(left - right, abs=0.01) and change > 0.02

    canvas = Canvas(Posture(SEED), HEIGHT, WIDTH)
    focal = next(item for item in phantom.planted['items'] if item['kind'] == 'focal')
    scale = reading.scale._replace(mm_per_px=MM_PER_UNIT * canvas.pixel)
    assert reading.scale.mm_per_px == pytest.approx(scale.mm_per_px, rel=reading.scale.uncertainty)
    maps = [mirrored_map(grid_of(picture, scale)) for picture in (result, before)]
    gained = maps[0].difference - maps[1].difference
    row, column = np.unravel_index(np.nanargmax(gained), gained.shape)
    there = maps[0].onto_left.dot((column, row, 1))
    assert there == pytest.approx(canvas.to_pixel(focal['x'], focal['y']), abs=1.5)
    # A Gaussian of that width, smoothed with 4 mm and by the lens.
    variance, lens_mm = (focal['size_mm'] / 2.3548) ** 2, phantom.planted['blur'] * HEIGHT * scale.mm_per_px
    assert gained[row, column] == pytest.approx(focal['peak_c'] * variance / (variance + 16 + lens_mm ** 2), rel=0.04)


def test_a_map_of_mirrored_breasts_is_nought_and_one_of_other_shapes_is_refused():
    rows, columns = np.mgrid[:240, :320]
    celsius = even_torso() + 0.02 * np.abs(columns - 159.5) + 0.01 * rows
    grid = grid_of(result_of(celsius), scale_of(LABELS, **LENS))
    made = mirrored_map(grid)
    assert np.nanmax(np.abs(made.difference)) < 0.05 and np.isfinite(made.difference).sum() > 4000
    labels = LABELS.copy()
    labels[(labels == LEFT_BREAST) & (rows < 130) & (columns < 217)] = 0
    cut = mirrored_map(grid_of(result_of(celsius, labels), scale_of(LABELS, **LENS)))
    assert cut.border_mm == cut.residual_mm > 10 and np.isfinite(cut.difference).sum() > 1000
    labels[(labels == LEFT_BREAST) & ((rows < 150) | (columns > 215))] = 0
    sign = read_signs(result_of(celsius, labels), **LENS).sign('mirror-patch')
    assert sign.state == NOT_ASSESSABLE and 'differ too much in shape' in sign.sentence


def line(side, contrast=1.2, sigma=2.1, length=44):
    """A warm line down a breast, °C: it ends softly."""
    rows, columns = np.mgrid[:240, :320]
    x, top = NIPPLES[side][0] + (-35 if side == 'left' else 35), 105
    ends = np.clip(np.minimum(rows - top, top + length - rows) + 0.5, 0, 1)
    return contrast * ends * np.exp(-(columns - x) ** 2 / (2 * sigma ** 2))


def test_vessels_are_measured_and_compared():
    one = read_signs(result_of(even_torso() + line('left')), **LENS).sign('vessel-index')
    assert (one.state, one.value) == (MET, 1.0)
    assert one.numbers['left_mean_contrast'] == pytest.approx(1.0, abs=0.25)
    assert one.numbers['left_branches_per_cm2'] == one.numbers['right_share'] == 0
    # 44 mm were planted, of which thinning takes half the width at either end; in the breast without 10 mm along its
    # edge and without its nipple and 5 mm around that.
    rows, columns = np.mgrid[:240, :320]
    inside = ((columns - 217.6) / 38) ** 2 + ((rows - 144) / 50) ** 2 < 1
    inside &= ((columns - 236.8) / 14.6) ** 2 + ((rows - 163.2) / 14.6) ** 2 > 1
    assert one.numbers['left_cm_per_cm2'] * inside.sum() / 100 == pytest.approx(4.4 - 0.7, abs=0.3)
    both = read_signs(result_of(even_torso() + line('left') + line('right')), **LENS).sign('vessel-index')
    assert both.state == NOT_MET and both.value == pytest.approx(0, abs=0.02)
    none = read_signs(result_of(even_torso() + line('left', length=5)), **LENS).sign('vessel-index')
    assert none.value == 0 and 'Hardly any' in none.sentence
    coarse = read_signs(result_of(even_torso() + line('left', sigma=6, length=60)), 0.64, 90.0).sign('vessel-index')
    assert coarse.numbers['resolved'] == 'no'


def test_a_line_has_its_contrast_and_a_spot_less():
    across = np.arange(-30, 31)
    profile = 1.5 * np.exp(-across ** 2 / (2 * 2.0 ** 2))
    contrast = line_contrast(np.tile(profile, (61, 1)).astype(np.float32), [2 * math.sqrt(2)])
    assert contrast[30, 30] == pytest.approx(1.5, rel=0.01)
    turned = line_contrast(np.tile(profile[:, None], (1, 61)).astype(np.float32), [2 * math.sqrt(2)])
    assert np.allclose(turned, contrast.T, atol=1e-5)
    spot = np.outer(profile, profile) / 1.5
    assert line_contrast(spot.astype(np.float32), [2 * math.sqrt(2)])[30, 30] < 0.3
    slope = np.tile(across, (61, 1)).astype(np.float32)
    assert np.abs(line_contrast(slope, [2.0])[10:-10, 10:-10]).max() < 1e-3


def plainly_thinned(mask):
    """The algorithm as it is written down, pixel by pixel."""
    cells = np.pad(mask, 1, 'constant').astype(int)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            gone = []
            for row, column in np.argwhere(cells):
                p = [cells[row + down, column + right] for down, right in (
                    (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))]
                begins = sum(a == 0 and b == 1 for a, b in zip(p, p[1:] + p[:1]))
                ends = (p[0] * p[2] * p[4] == 0 and p[2] * p[4] * p[6] == 0) if first else \
                    (p[0] * p[2] * p[6] == 0 and p[0] * p[4] * p[6] == 0)
                if 2 <= sum(p) <= 6 and begins == 1 and ends:
                    gone.append((row, column))
            for row, column in gone:
                cells[row, column], changed = 0, True
    return cells[1:-1, 1:-1] > 0


def test_thinning_is_that_of_the_paper():
    rows, columns = np.mgrid[:24, :24]
    mask = (np.abs(rows - columns) < 3) | (np.abs(rows - 12) < 2)
    assert np.array_equal(thinned(mask), plainly_thinned(mask)) and thinned(mask).sum() < 60


def test_the_scale_comes_from_the_lens_or_from_the_body():
    lepton = scale_of(np.zeros((120, 160), np.uint8), 1.0, 57.0)
    assert (lepton.basis, lepton.uncertainty) == ('distance', 0.05)
    assert lepton.mm_per_px == pytest.approx(6.8, abs=0.05) and lepton.pixels_per_cm2 == pytest.approx(2.2, abs=0.05)
    assert lepton.insufficient == 'Resolution insufficient: 2.2 pixels per cm², and 9 are needed.'
    body = scale_of(LABELS, 1.0, None)
    assert (body.basis, body.uncertainty) == ('body', 0.2)
    assert body.mm_per_px == pytest.approx(203 / (0.48 * 320), rel=0.01) and body.insufficient == ''
    assert scale_of(np.where(LABELS == LEFT_NIPPLE, LEFT_BREAST, LABELS)) is None


ALL = set(RULES)
MILLIMETRES = {'mirror-patch', 'mirror-patch-ville-marie', 'focal-spot', 'focal-spot-ville-marie', 'fold-difference',
               'vessel-index'}
OF_NIPPLES = {'quadrant-difference', 'areola-difference', 'areola-ring', 'mirror-patch', 'mirror-patch-ville-marie'}
REFUSED = (Message('focus', 'The picture is blurred.', 'Focus.', PROBLEM),)


NO_NIPPLE = np.where(LABELS == LEFT_NIPPLE, LEFT_BREAST, LABELS)
NO_BREAST = np.where(LABELS == LEFT_BREAST, 0, LABELS).astype(np.uint8)


@pytest.mark.parametrize('change, lens, missing, reason', [
    ({'unit': 'relative'}, LENS, ALL, 'The picture has no temperatures.'),
    ({'checks': REFUSED}, LENS, ALL, 'There is no result: The picture is blurred.'),
    ({'view': 'left-lateral'}, LENS, ALL, 'This is a side view'),
    ({'labels': NO_BREAST}, LENS, ALL, 'The left breast is not seen.'),
    ({'labels': NO_NIPPLE}, LENS, OF_NIPPLES, 'The left nipple is not seen.'),
    ({'labels': NO_NIPPLE}, {}, OF_NIPPLES | MILLIMETRES, ''),
    ({}, {'distance_m': 0.64, 'field_of_view_deg': 90.0}, MILLIMETRES - {'fold-difference', 'vessel-index'}
     | {'areola-difference', 'areola-ring'}, 'Resolution insufficient: 6.3 pixels per cm²'),
    ({}, {'distance_m': 1.2, 'field_of_view_deg': 90.0}, MILLIMETRES - {'fold-difference'}
     | {'areola-difference', 'areola-ring'}, 'Resolution insufficient'),
    ({}, {}, set(), ''),
])
def test_what_cannot_be_assessed_says_why(change, lens, missing, reason):
    reading = read_signs(result_of(even_torso(), **change), **lens)
    assert [sign.name for sign in reading.signs] == list(RULES)
    found = {sign.name for sign in reading.signs if sign.state == NOT_ASSESSABLE}
    assert found == missing
    for sign in reading.signs:
        if sign.state == NOT_ASSESSABLE:
            assert sign.value is None and sign.sentence.startswith(reason) and sign.sentence.endswith('.'), sign


def test_signs_are_json_and_every_one_is_described(reading, root):
    document = reading.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document and document['schema'] == 1
    described = (root / 'docs/reading.md').read_text(encoding='utf-8')
    references = (root / 'docs/references.md').read_text(encoding='utf-8')
    for sign in document['signs']:
        row = re.search(r'^\| `%s` \|.*$' % sign['name'], described, re.M).group()
        assert '%.1f' % sign['threshold'] in row and ('in full' in row) == sign['verified'], row
        assert sign['source'] == OWN or '[%s]' % sign['source'] in row and '- [%s]' % sign['source'] in references
        assert sign['sentence'].endswith('.') and sign['state'] in (MET, NOT_MET, NOT_ASSESSABLE)
        assert not re.search(r'suspicio|risk|normal|TH[1-5]|cancer', sign['sentence'])
