"""Rough outlines: errors that differ cancel out, sizes stay, and nobody teaches himself."""
import dataclasses

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models import weak  # noqa: E402
from models.active.curve import small_recipe  # noqa: E402
from models.architectures import Scores  # noqa: E402
from models.data import phantom_collection, with_labels  # noqa: E402
from models.weak import (  # noqa: E402
    DRAWINGS,
    LEARNING,
    Fusion,
    along_edges,
    compared,
    deform,
    draw_plot,
    fuse,
    judge,
    labelled_from,
    markdown,
    refine,
    sized,
    tempered,
)
from service.chains import get_chain  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.regions import LEFT_NIPPLE, REGIONS, RIGHT_BREAST  # noqa: E402

RECIPE = small_recipe(2)


@pytest.fixture(scope='module')
def patients():
    return phantom_collection(40, 3, 48, 64)


@pytest.fixture(scope='module')
def rough(patients):
    rng = np.random.default_rng(1)
    return dataclasses.replace(patients, samples=tuple(with_labels(sample, deform(sample.labels(), rng))
                                                       for sample in patients))


def prepared(sample):
    return get_chain(RECIPE.input.chain, RECIPE.chain_constants).apply(sample.thermogram())


def shares_of(labels, sure=0.9):
    """Float32 8xHxW: each pixel its label with that probability."""
    wrong = (1 - sure) / (len(REGIONS) - 1)
    return np.stack([np.where(labels == region, sure, wrong) for region in range(len(REGIONS))]).astype(np.float32)


def test_a_drawing_moved_from_what_the_network_sees_is_brought_nearer(patients):
    sample = patients[0]
    truth = sample.labels()
    drawn = np.roll(truth, 3, axis=1)
    fused = fuse(shares_of(truth), drawn, prepared(sample))
    assert np.count_nonzero(fused != truth) < 0.3 * np.count_nonzero(drawn != truth)
    assert np.mean(fuse(shares_of(drawn), drawn, prepared(sample)) != drawn) < 0.03


def test_a_region_that_only_the_drawing_has_stays(patients):
    sample = patients[0]
    drawn = sample.labels()
    seen = np.where(drawn == LEFT_NIPPLE, 0, drawn)
    fused = fuse(shares_of(seen, 0.999), drawn, prepared(sample), Fusion(trust=0.1))
    assert (fused == LEFT_NIPPLE).any()


def test_edges_hold_what_a_blur_would_not():
    guide = np.zeros((20, 20), np.float32)
    guide[:, 10:] = 1
    step = guide[np.newaxis] + 0.1 * np.random.default_rng(0).normal(size=(1, 20, 20)).astype(np.float32)
    smoothed = along_edges(step, guide, 3)[0]
    assert abs(smoothed[:, 9].mean()) < 0.05 and abs(smoothed[:, 10].mean() - 1) < 0.05
    assert smoothed[:, :7].std() < 0.5 * step[0, :, :7].std()
    assert cv2.blur(guide, (7, 7))[10, 9] > 0.3


def test_deformed_labels_are_labels_of_the_same_picture(patients):
    truth = patients[0].labels()
    one, other = (deform(truth, np.random.default_rng(seed)) for seed in (3, 4))
    assert one.shape == truth.shape and one.dtype == np.uint8 and set(np.unique(one)) <= set(np.unique(truth))
    assert 0.01 < np.mean(one != truth) < 0.4 and not np.array_equal(one, other)
    assert np.array_equal(one, deform(truth, np.random.default_rng(3)))


def test_a_small_region_keeps_its_size_where_it_is_most_likely():
    scores = np.full((3, 20, 20), -5.0)
    scores[0] = -0.1
    scores[1] = -2 - np.hypot(*np.mgrid[-12:8, -6:14]) / 10  # nowhere likelier than the background
    labels = sized(scores, np.array([391, 9, 0]))
    rows, columns = np.nonzero(labels == 1)
    assert 5 <= len(rows) <= 13 and abs(rows.mean() - 12) < 0.6 and abs(columns.mean() - 6) < 0.6
    assert not (scores.argmax(0) == 1).any() and not (labels == 2).any()


def test_an_answer_surer_than_it_is_right_is_believed_less(patients):
    truth = [sample.labels() for sample in patients]
    drawn = [np.roll(labels, 4, axis=1) for labels in truth]
    sure, modest = ([shares_of(labels, share) for labels in truth] for share in (0.9999, 0.7))
    assert np.mean([one.max(0).mean() for one in tempered(sure, drawn)]) < 0.99
    assert all((one.argmax(0) == labels).all() for one, labels in zip(tempered(sure, drawn), truth))
    assert np.mean([one.max(0).mean() for one in tempered(modest, truth)]) > 0.8


def test_rounds_learn_from_the_one_before_and_nobody_from_himself(rough, patients, monkeypatch):
    """The stub answers with the mean of what was drawn and what is true, so that every round is better."""
    taught, asked = [], []
    by_tensor = {prepared(sample).tensor.tobytes(): sample for sample in patients}
    own = {sample.key: sample.labels() for sample in rough}

    def learn(network, recipe, parts, **more):
        taught.append({sample.key: sample.labels() for sample in parts[0][0]})
        return taught[-1]

    def answer(network, tensor):
        sample = by_tensor[tensor.tobytes()]
        asked.append(sample.key)
        assert sample.key not in network
        return 0.5 * shares_of(own[sample.key]) + 0.5 * shares_of(sample.labels())
    monkeypatch.setattr(weak, 'fit', learn)
    monkeypatch.setattr(weak, 'mirrored_shares', answer)
    rounds = refine(RECIPE, rough, lambda: None, 2)
    assert sorted(asked) == sorted(2 * [sample.key for sample in rough])
    fused = {sample.key: labels for sample, labels in zip(rough, rounds[0].fused)}
    assert all(np.array_equal(labels, fused[key]) for one in taught[2:] for key, labels in one.items())
    taught.clear()
    again = refine(RECIPE, rough, lambda: None, 2, taught=[sample.labels() for sample in rough])
    assert all(np.array_equal(labels, own[key]) for one in taught for key, labels in one.items())

    truth = [sample.labels() for sample in patients]
    rows = judge(rough, rounds, truth)
    assert [row['what'] for row in rows] == ['drawn', 'round 1', 'round 2'] and rows[1]['gain']['value'] > 0
    assert rows[0]['dice']['n'] == 3 and '| round 2 |' in markdown(rows, 'here')
    ways = {LEARNING: rounds, DRAWINGS: again}
    assert [line.split(' | ')[0] for line in compared(rough, ways, truth).split('\n')[2:]] == [
        '| ' + LEARNING, '| ' + DRAWINGS]
    assert cv2.imdecode(np.frombuffer(draw_plot(list(rough), ways, truth, 0), np.uint8), 1).std() > 10


def test_mirror_images_keep_their_sides(patients):
    """`mirrored_shares` is what rounds ask: its probabilities add up, and a flip swaps the sides back."""
    def network(picture):
        right = torch.zeros(len(picture), len(REGIONS), 4, 6)
        right[:, RIGHT_BREAST, :, :3] = 9
        return Scores(right, None)
    shares = weak.mirrored_shares(network, np.zeros((1, 1, 4, 6), np.float32))
    assert np.allclose(shares.sum(0), 1) and shares[RIGHT_BREAST, 0, 0] > shares[RIGHT_BREAST, 0, 5]


def test_refusals(rough, tmp_path):
    with pytest.raises(InputError) as caught:
        refine(RECIPE, rough[:1], lambda: None)
    assert caught.value.code == 'weak-few'
    with pytest.raises(InputError) as caught:
        labelled_from(rough, tmp_path)
    assert caught.value.code == 'labels-missing'
    result = CliRunner().invoke(weak.main, ['refine', '--data', 'phantoms:1:2', '--init', str(tmp_path / 'nonesuch'),
                                            '--out', str(tmp_path / 'out')])
    assert result.exception.code == 'weights-missing' and not (tmp_path / 'out').exists()
