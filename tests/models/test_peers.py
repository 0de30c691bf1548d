"""The comparison with published systems goes the whole way with each, and counts every round."""
import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import peers
from service.simulator import make_phantom

CELSIUS = make_phantom(1, 120, 160).celsius.astype(np.float32)


@pytest.fixture
def threads():
    """Puts the threads back that the command sets."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize('architecture, heat, options, gives', [
    ('resnet18', True, {}, 'score'),
    ('unet_resnet34', False, {}, 'labels'),
])
def test_a_system_answers_and_both_overlays_show_it(architecture, heat, options, gives):
    heat_map, answer = peers.Peer(architecture, heat, **options).analyse(CELSIUS)
    labels, score = answer
    assert heat_map.shape == (120, 160, 3)
    assert (labels is not None, score is not None) == (gives == 'labels', gives == 'score')
    for draw in (peers.draw_with_opencv, peers.draw_with_matplotlib):
        picture = cv2.imdecode(np.frombuffer(draw(CELSIUS, heat_map, answer), np.uint8), cv2.IMREAD_COLOR)
        nothing = cv2.imdecode(np.frombuffer(draw(CELSIUS, heat_map, (None, None)), np.uint8), cv2.IMREAD_COLOR)
        assert picture.ndim == 3 and picture.std() > 10
        assert not np.array_equal(picture, nothing)


def test_every_way_is_gone_in_every_round(monkeypatch, threads):
    gone = []
    names = ['ours'] + ['%s, %s' % (name, library) for name in peers._AIMS for library in ('OpenCV', 'matplotlib')]
    monkeypatch.setattr(peers, 'ways_of', lambda pipeline, thermogram: {
        name: lambda name=name: gone.append(name) or b'' for name in names})
    result = CliRunner().invoke(peers.main, ['--seconds', '0', '--threads', '1'])
    assert result.exit_code == 0, result.output
    assert gone == [name for name in names for _ in range(2)] + names * 3
    assert 'n = 3 each way' in result.output and all(name in result.output for name in names)


def test_the_interval_holds_the_ratio():
    ours = np.linspace(10, 11, 40)
    middle, low, high = peers.ratio(ours * 3, ours)
    assert low <= middle <= high and middle == pytest.approx(3)
