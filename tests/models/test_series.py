"""Dynamic series as one picture, and who sees a slowly warming patch in a simulated one."""
import json
import math
import warnings

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from models import series
from service.messages import InputError
from service.reading import fit_recovery
from service.regions import PAIRS, REGIONS


@pytest.mark.parametrize('count, rows', [(1, None), (2, None), (7, None), (20, None), (20, 5), (23, None), (24, 2),
                                         (3, 5)])
def test_every_series_comes_back(count, rows):
    frames = np.random.RandomState(count).rand(count, 6, 9).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        picture = series.super_image(frames, rows)
        back = series.frames_of(picture, count, rows)
    assert back.dtype == np.float32 and np.array_equal(back, frames)
    assert np.array_equal(picture[:6, :9], frames[0]) and picture.sum() == pytest.approx(frames.sum(), rel=1e-5)


def test_grids_are_square_where_they_can_be_and_elongated_ones_are_warned_of():
    assert [series.grid_of(count) for count in (1, 2, 4, 12, 20, 21)] == [(1, 1), (1, 2), (2, 2), (3, 4), (4, 5),
                                                                         (5, 5)]
    assert series.grid_of(48, 8) == (8, 6)
    with pytest.warns(UserWarning, match='A grid of 2 by 12 is elongated'):
        series.grid_of(24, 2)


@pytest.mark.parametrize('call, code', [
    (lambda: series.grid_of(0), 'series-frames'), (lambda: series.grid_of(4, 0), 'series-frames'),
    (lambda: series.super_image(np.zeros((0, 4, 4))), 'series-frames'),
    (lambda: series.frames_of(np.zeros((7, 10)), 4), 'series-picture'),
])
def test_what_is_no_series_is_refused(call, code):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.code == code


def test_a_patch_is_slower_and_changes_nothing_else():
    slow, plain = series.make_series(9_300_003, slow=True), series.make_series(9_300_003, slow=False)
    assert np.array_equal(slow.before_c, plain.before_c) and np.array_equal(slow.labels, plain.labels)
    assert not plain.patch
    side = REGIONS.index(slow.patch['region'])
    other = sum(PAIRS[0]) - side
    taus = {}
    for one in (slow, plain):
        for label in PAIRS[0]:
            mask = one.labels == label
            taus[one is slow, label] = fit_recovery(series.STEP_S * np.arange(series.FRAMES),
                                                    one.frames_c[:, mask].mean(axis=1), one.before_c[mask].mean()).tau_s
    assert taus[True, side] > taus[False, side]
    assert taus[True, other] == pytest.approx(taus[False, other], rel=0.05)
    left = series.left_to_recover(plain)
    inside = np.isin(plain.labels, PAIRS[0])
    assert left[0][inside].mean() == pytest.approx(1, abs=0.05) and not left[:, plain.labels == 0].any()
    assert left[-1][inside].mean() == pytest.approx(math.exp(-285 / taus[False, other]), abs=0.1)


def test_a_convolution_dilated_by_a_tile_is_time_as_channels():
    frames = np.random.RandomState(0).rand(6, 8, 12).astype(np.float32)
    over_tiles = torch.nn.Conv2d(1, 5, (2, 3), dilation=(8, 12))
    over_time = torch.nn.Conv2d(6, 5, 1)
    over_time.load_state_dict({'weight': over_tiles.weight.reshape(5, 6, 1, 1), 'bias': over_tiles.bias})
    seen = over_tiles(torch.from_numpy(series.super_image(frames))[None, None])
    assert torch.allclose(seen, over_time(torch.from_numpy(frames)[None]), atol=1e-6)


def test_one_command_compares_them(tmp_path):
    ran = CliRunner().invoke(series.main, ['--out', str(tmp_path / 'series'), '--count', '20', '--epochs', '1'])
    assert ran.exit_code == 0, ran.output
    report = json.loads((tmp_path / 'series' / 'series.json').read_text())
    assert list(report['judges']) == list(series.CURVES) + list(series.NETWORKS) and report['judged'] == 20
    for judge in report['judges'].values():
        low, high = judge['auc']['ci95']
        assert 0 <= low <= judge['auc']['value'] <= high <= 1
    assert (tmp_path / 'series' / 'series.png').read_bytes().startswith(b'\x89PNG')
    assert ran.output.count('\n| ') == 2 + len(report['judges'])  # with its head
    ran = CliRunner().invoke(series.main, ['--out', str(tmp_path / 'moved'), '--count', '20', '--epochs', '0',
                                           '--moved-px', '2'])
    assert ran.exit_code == 0, ran.output
    moved = json.loads((tmp_path / 'moved' / 'series.json').read_text())
    assert list(moved['judges']) == list(series.CURVES) and moved['moved_px'] == 2.0
    assert [moved['above_limit'][name]['n'] for name in ('with', 'without')] == [10, 10]
    # A whole folder of something else is left alone.
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'mine.txt').write_text('mine')
    assert CliRunner().invoke(series.main, ['--out', str(tmp_path / 'other'), '--count', '20']).exit_code != 0
