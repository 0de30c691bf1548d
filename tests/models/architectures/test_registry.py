"""The registry builds every architecture, and every target takes them."""
import warnings

import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')
pytest.importorskip('onnx', reason='onnx is not installed here')

from export.check import check_model, fits  # noqa: E402
from export.onnx_export import export_onnx  # noqa: E402
from export.targets import load_target  # noqa: E402
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


# A U-Net, a transformer, and one of depthwise and dilated convolutions. All of them are exported at their own size by
# `python -m models.exporting.table`.
@pytest.mark.parametrize('name', ['half_unet', 'segformer_b0', 'deeplabv3plus_mobilenetv2'])
def test_a_nano_takes_it(name, tmp_path):
    torch.manual_seed(0)
    entry = ARCHITECTURES[name]
    export_onnx(build(name), tmp_path / 'model.onnx', 96, 128, entry.channels)
    found = check_model((tmp_path / 'model.onnx').read_bytes(), load_target('jetson-nano'))
    assert fits(found), found
    # Epsilons of layer normalisation: fp16 is for the board's golden pair to judge.
    assert {one.rule for one in found} <= {'argmax', 'fp16-underflow'}


def test_a_transformer_is_refused_where_it_keeps_its_layer_normalisation(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / 'model.onnx'
    with warnings.catch_warnings():
        # PyTorch prefers its newer exporter.
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(torch.nn.LayerNorm(8).eval(), torch.zeros(1, 4, 8), path, dynamo=False, opset_version=17)
    found = check_model(path.read_bytes(), load_target('jetson-nano'))
    assert {'opset', 'operator'} <= {one.rule for one in found}
    assert 'LayerNormalization' in {one.operator for one in found}
