"""Own labels: sides stay the patient's, and nobody's class is looked at."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.architectures import Scores  # noqa: E402
from models.data import phantom_collection  # noqa: E402
from models.fewshot import mirrored_labels, pseudo_labelled, relabelled  # noqa: E402
from models.recipe_files import load_recipe  # noqa: E402


class LeftIsWarm(torch.nn.Module):
    """Calls bright pixels left of the middle right breast and those right of it left breast."""

    def forward(self, x):
        regions = torch.zeros(len(x), 8, *x.shape[2:])
        half = x.shape[3] // 2
        regions[:, 0] = 1 - x[:, 0]
        regions[:, 1, :, :half] = x[:, 0, :, :half]
        regions[:, 2, :, half:] = x[:, 0, :, half:]
        return Scores(regions, None)


class OnlySeesOneSide(LeftIsWarm):
    """Finds the left breast only, as it lies in the right half of the picture."""

    def forward(self, x):
        regions = super().forward(x).regions
        regions[:, 1] = -1
        return Scores(regions, None)


def test_a_mirror_image_swaps_sides():
    picture = np.zeros((1, 1, 8, 16), np.float32)
    picture[..., 2:6, 1:5] = 1
    picture[..., 2:4, 11:15] = 1
    labels = mirrored_labels(LeftIsWarm(), picture)
    assert (labels[2:6, 1:5] == 1).all() and (labels[2:4, 11:15] == 2).all()
    assert (labels == 1).sum() == 16 and (labels == 2).sum() == 8


def test_what_is_seen_only_in_the_mirror_counts_as_well():
    picture = np.zeros((1, 1, 8, 16), np.float32)
    picture[..., 2:6, 1:5] = 3  # a right breast, which this network knows from mirror images only
    assert (mirrored_labels(OnlySeesOneSide(), picture)[2:6, 1:5] == 1).all()


def test_own_labels_fit_the_thermogram_and_replace_what_was_known():
    recipe = load_recipe('few-shot')
    samples = phantom_collection(40, 2, 120, 160)
    found = pseudo_labelled(LeftIsWarm(), recipe, samples)
    for sample in found:
        labels = sample.labels()
        assert labels.shape == (120, 160) and set(np.unique(labels)) <= {0, 1, 2}
        assert sample.klass is None
    assert found.keys == samples.keys


def test_labels_without_a_class():
    samples = phantom_collection(40, 3, 120, 160)
    kept = relabelled(samples)
    assert len(kept) == 3 and all(sample.klass is None for sample in kept)
    assert np.array_equal(kept[0].labels(), samples[0].labels())
