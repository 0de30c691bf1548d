"""Work that is counted in the graph is the work that PyTorch counts in the network."""
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')
torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('onnxsim', reason='onnxsim is not installed: this is the device half')

from export.onnx_export import make_onnx  # noqa: E402
from export.predict.kernel import count_layers, total_macs  # noqa: E402
from export.predict.published import tables  # noqa: E402
from export.predict.rebuild import dump, make_table, subjects  # noqa: E402
from models.architectures import build, count_cost  # noqa: E402

from .networks import fused  # noqa: E402


@pytest.mark.parametrize(('name', 'height', 'width'), [
    ('half_unet', 64, 96), ('resnet18', 64, 64), ('unet_lite', 32, 64), ('segformer_b0', 64, 64)])
def test_gmac_is_that_of_count_cost(name, height, width):
    torch.manual_seed(0)
    network = build(name).eval()
    for module in network.modules():
        # A last normalisation that starts as nothing would be left out of the simplified graph.
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.any():
            torch.nn.init.ones_(module.weight)
    _, gmac = count_cost(network, height, width)
    found = fused(make_onnx(network, height, width).SerializeToString())
    assert total_macs(found.kernels) / 1e9 == pytest.approx(gmac, rel=0.01)
    assert count_layers(found.kernels) == len(found.kernels)


@pytest.mark.parametrize('graph', ['fast_scnn-384x384', 'yolov8n-cls-224', 'squeezenet1_1-224',
                                   'mobilenet_v2-224', 'ssd_mobilenet_v1-300'])
def test_a_network_rebuilt_today_gives_the_stored_table(graph):
    table = make_table(subjects()[graph])
    assert table['rows'] == [kernel.row() for kernel in tables()[graph]['kernels']]
    assert '"%s"' % graph in dump({graph: table})
    assert table['weights'] == tables()[graph]['weights']


def test_rebuilt_networks_have_their_published_size():
    for name, table in tables().items():
        for built, published in ((table['gmac'], table['published_gmac']),
                                 (table['weights'] / 1e6, table['published_million_weights'])):
            assert published is None or built == pytest.approx(published, rel=0.03), name


def test_every_table_can_be_rebuilt():
    assert set(subjects()) == set(tables())
