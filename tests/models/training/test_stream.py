"""Samples by number: the same in every run, sides right, nothing invented where nothing is known."""
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.phantoms import prepare_set  # noqa: E402
from models.training.stream import UNKNOWN, Loader, MixedExamples, Stream, as_examples  # noqa: E402  # noqa: E402
from service.chains import get_chain  # noqa: E402
from service.messages import InputError  # noqa: E402
from service.regions import LEFT_BREAST, RIGHT_BREAST  # noqa: E402
from service.thermogram import Thermogram  # noqa: E402
from service.views import VIEWS  # noqa: E402

from .small import HEIGHT, WIDTH, small_collection, small_recipe, three_classes  # noqa: E402


def _stream(recipe, samples, **options):
    return Stream(as_examples(samples, recipe), recipe, **options)


def test_a_sample_is_the_same_in_every_run_and_no_other():
    recipe = small_recipe('augment.degrade=0.5')
    one, same = (_stream(recipe, small_collection(4)) for _ in range(2))
    for item in (0, 5, 1000):
        assert torch.equal(one[item].pictures, same[item].pictures) and torch.equal(one[item].labels, same[item].labels)
    assert not torch.equal(one[0].pictures, one[4].pictures)
    other = _stream(small_recipe('seed=5'), small_collection(4))
    assert not torch.equal(one[0].pictures, other[0].pictures)


def test_a_round_holds_every_sample_once():
    recipe = small_recipe('augment.kind=none')
    stream, plain = (_stream(recipe, small_collection(6), plain=plain) for plain in (False, True))
    own = [plain[item].pictures.sum().item() for item in range(6)]
    rounds = [[stream[item].pictures.sum().item() for item in range(6 * k, 6 * k + 6)] for k in range(2)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == sorted(own) and rounds[0] != rounds[1]


def test_the_plain_sample_is_what_the_chain_gives():
    recipe, sample = small_recipe(), small_collection(1)[0]
    batch = _stream(recipe, small_collection(1), plain=True)[0]
    expected = get_chain(recipe.input.chain, recipe.chain_constants).apply(sample.thermogram()).tensor[0]
    assert np.array_equal(batch.pictures.numpy(), expected)
    assert np.array_equal(batch.labels.numpy(), sample.labels()) and batch.klass == sample.klass


@pytest.mark.parametrize('kind', ['thermal', 'picture'])
def test_sides_survive_augmentation(kind):
    stream = _stream(small_recipe('augment.kind=%s' % kind), small_collection(2))
    columns = np.arange(WIDTH)
    for item in range(12):
        labels = stream[item].labels.numpy()
        right, left = ((labels == region).sum(0) for region in (RIGHT_BREAST, LEFT_BREAST))
        assert np.average(columns, weights=right) < np.average(columns, weights=left)


def test_a_flip_changes_the_side_of_a_view(tmp_path):
    stream = _stream(small_recipe('data.source=phantoms'),
                     prepare_set(tmp_path, 100000, 1, HEIGHT, WIDTH, kinds={'left-lateral': 1}))
    plain = stream.examples.example(0)
    assert VIEWS[plain.view] == 'left-lateral' and plain.klass is None, 'left and right cannot be compared'
    found = set()
    for item in range(12):
        batch = stream[item]
        near, far = {'left': (LEFT_BREAST, RIGHT_BREAST), 'right': (RIGHT_BREAST, LEFT_BREAST)}[
            VIEWS[batch.view].split('-')[0]]
        assert (batch.labels == near).sum() > (batch.labels == far).sum() and batch.klass == UNKNOWN
        found.add(VIEWS[batch.view])
    assert found == {'left-lateral', 'right-lateral'}


def test_patients_have_no_view_that_anybody_stated():
    assert _stream(small_recipe(), small_collection(1))[0].view == UNKNOWN


def test_other_regions_and_pictures_without_temperatures_are_augmented_too():
    stream = _stream(small_recipe('augment.degrade=1.0', name='busi-attention-unet'), three_classes(3))
    batch = stream[7]
    assert set(batch.labels.unique().tolist()) <= {0, 1} and batch.klass in (0, 1, 2)
    assert 0 <= batch.pictures.min() and batch.pictures.max() <= 1


def test_beyond_the_frame_and_without_labels_nothing_is_known():
    recipe = small_recipe('input.height=%d' % WIDTH)  # a square input: the frame has bars above and below
    batch = _stream(recipe, small_collection(1), plain=True)[0]
    bar = (WIDTH - HEIGHT) // 2
    assert (batch.labels[:bar] == UNKNOWN).all() and (batch.labels[-bar:] == UNKNOWN).all()
    assert (batch.labels[bar:-bar] != UNKNOWN).all()
    bare = small_collection(1)
    bare = dataclasses.replace(bare, samples=(dataclasses.replace(bare[0], read_labels=None, klass=None),))
    batch = _stream(small_recipe(), bare)[0]
    assert (batch.labels == UNKNOWN).all() and batch.klass == UNKNOWN


def test_large_thermograms_are_kept_at_network_size():
    recipe, whole = small_recipe('augment.kind=none'), small_collection(1)
    whole = dataclasses.replace(whole, samples=(dataclasses.replace(
        whole[0], read=lambda: Thermogram.from_celsius(np.full((4 * HEIGHT, 4 * WIDTH), 30, np.float32), source='x'),
        read_labels=lambda height, width: np.kron(np.arange(8, dtype=np.uint8).reshape(2, 4),
                                                  np.ones((height // 2, width // 4), np.uint8))),))
    frame = as_examples(whole, recipe).example(0)
    assert frame.pixels.shape == frame.labels.shape == (HEIGHT, WIDTH)
    assert frame.labels[0, 0] == 0 and frame.labels[-1, -1] == 7


def test_a_mask_is_one_more_channel():
    recipe = small_recipe('input.mask=true', name='resnet18')
    batch = _stream(recipe, small_collection(1), plain=True)[0]
    assert batch.pictures.shape == (2, HEIGHT, WIDTH)
    assert torch.equal(batch.pictures[1], (batch.labels > 0).float())


def test_regions_alone_are_what_a_classifier_after_the_segmenter_sees():
    whole, regions = (_stream(small_recipe('task=finding', 'loss.dice=0', *changes), small_collection(1), plain=True)[0]
                      for changes in ((), ('input.regions_only=true',)))
    assert torch.equal(regions.pictures, whole.pictures * (whole.labels > 0))
    assert not torch.equal(regions.pictures, whole.pictures)


def test_a_transform_sees_every_thermogram():
    stream = _stream(small_recipe(), small_collection(1), transform=lambda thermogram: Thermogram.from_celsius(
        np.where(np.arange(WIDTH) < 8, 20, thermogram.pixels), source='x'), plain=True)
    assert (stream[0].pictures[0, :, :7] == 0).all()


def test_a_mixture_is_drawn_by_its_shares():
    recipe = small_recipe('augment.kind=none')
    frames = as_examples([(small_collection(3), 0.25), (small_collection(9, first=100), 0.75)], recipe)
    assert isinstance(frames, MixedExamples) and len(frames) == 12
    stream = Stream(frames, recipe)
    drawn = [stream._draw(item) for item in range(800)]
    assert np.mean(np.array(drawn) < 3) == pytest.approx(0.25, abs=0.05)
    assert set(drawn) == set(range(12))
    assert np.array_equal(frames.example(3).pixels, small_collection(1, first=100)[0].thermogram().pixels)


def test_nothing_to_learn_from_is_said():
    with pytest.raises(InputError, match='no sample to learn from'):
        as_examples(small_collection(2).take([]), small_recipe())


def test_a_loader_goes_on_where_it_is_told():
    recipe, behind = small_recipe(), [0]
    stream = _stream(recipe, small_collection(4))
    loader = Loader(stream, 2, steps=5, workers=0, done=lambda: behind[0])
    assert len(loader) == 5
    whole = list(loader)
    behind[0] = 3
    rest = list(loader)
    assert len(rest) == 2 and torch.equal(rest[0].pictures, whole[3].pictures)
    assert loader.state_dict() == {'done': 3}


def test_workers_do_not_move_chance():
    recipe = small_recipe()
    loader = Loader(_stream(recipe, small_collection(2)), 2, steps=1, workers=1)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    list(loader)
    assert torch.equal(torch.rand(1), expected)


def test_devices_share_every_batch_of_a_training_and_judge_the_same_samples(monkeypatch):
    recipe = small_recipe('augment.kind=none')
    stream = _stream(recipe, small_collection(4))
    alone = [batch.pictures for batch in Loader(stream, 4, steps=3, workers=0)]
    parts = []
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    monkeypatch.setattr(torch.distributed, 'get_world_size', lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, 'get_rank', lambda rank=rank: rank)
        loader = Loader(stream, 4, steps=3, workers=0, done=lambda: 1)
        parts.append([batch.pictures for batch in loader])
        assert len(loader) == 3 and len(list(Loader(stream, 4, workers=0))) == 1
    for whole, *shares in zip(alone[1:], *parts):
        assert torch.equal(whole, torch.cat(shares))
