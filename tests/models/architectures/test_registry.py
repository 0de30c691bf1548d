"""Asking for an architecture that is not there, or for what it does not do, ends in one sentence."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.architectures import ARCHITECTURES, build  # noqa: E402
from service.messages import InputError  # noqa: E402


def test_entries_are_under_their_own_names():
    assert all(entry.name == name for name, entry in ARCHITECTURES.items())
    assert {entry.kind for entry in ARCHITECTURES.values()} == {'network', 'curves'}


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match='half_unet, latents') as caught:
        build('resnet19')
    assert caught.value.code == 'architecture-unknown'


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(InputError, match='findings, mask_channel') as caught:
        build('resnet18', classes=8)
    assert caught.value.code == 'architecture-options'


@pytest.mark.parametrize('name, options', [
    ('unet_lite', {'classes': 1}), ('segformer_b0', {'classes': 0}), ('resnet18', {'findings': 0}),
    ('latents', {'encoder': 'X'}), ('latents', {'decoder': 'g'}), ('latents', {'tasks': ['mask']}),
    ('latents', {'tasks': []}), ('latents', {'classes': 1}),
])
def test_a_value_that_makes_no_sense_is_refused(name, options):
    with pytest.raises(InputError) as caught:
        build(name, **options)
    assert caught.value.code == 'architecture-options'


@pytest.mark.parametrize('name, channels', [
    ('unet_lite', 3), ('attention_unet', 3), ('latents', 3), ('resnet18', 2), ('segformer_b0', 4)])
def test_a_picture_of_another_kind_is_refused(name, channels):
    with pytest.raises(InputError, match='turbo-1') as caught:
        build(name).eval()(torch.rand(1, channels, 120, 160))
    assert caught.value.code == 'input-channels'
