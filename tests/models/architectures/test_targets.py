"""Networks of every family, exported, are what TensorRT 8.2 on a Nano compiles."""
import warnings

import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('onnx', reason='onnx is not installed here')

from export.check import check_model, fits  # noqa: E402
from export.onnx_export import export_onnx  # noqa: E402
from export.targets import load_target  # noqa: E402
from models.architectures import ARCHITECTURES, build  # noqa: E402


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
