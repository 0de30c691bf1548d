"""Every architecture keeps the interface, gives the stated figures, and answers alike as an ONNX file."""
import collections
import copy

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

import onnxruntime  # noqa: E402

from export.onnx_export import INPUT, IR_VERSION, OPSET, DeployedNetwork, export_onnx  # noqa: E402
from models.architectures import ARCHITECTURES, FINDING, REGIONS, build, count_cost  # noqa: E402
from service.bundle import scan_onnx  # noqa: E402
from service.views import VIEWS  # noqa: E402
from tests.models.architectures.settle import settle  # noqa: E402

NETWORKS = sorted(name for name, entry in ARCHITECTURES.items() if entry.kind == 'network')

#: Small sizes at which the tests below run; sides that do not divide by 32 or 16 where the network allows it.
SIZES = collections.defaultdict(
    lambda: (72, 104), half_unet=(96, 128), quarter_fpn=(96, 128), latents=(40, 56), attention_unet=(40, 56))
#: Options that make a network quick enough to be exported in a test.
NARROW = {'latents': {'widths': (16, 32, 64, 128, 128)}}

Stated = collections.namedtuple('Stated', 'options channels height width parameters gmac source')

#: Parameters and GMAC as somebody else states them, or as arithmetic on a stated layer table gives them.
STATED = {
    'latents': Stated({'tasks': ['regions']}, 1, 120, 160, 17.61e6, 18.25,
                      'requirements A-000: 0.270 M + 17.34 M'),
    'resnet18': Stated({'findings': 1000}, 3, 224, 224, 11689512, 1.814, 'torchvision, ResNet18_Weights'),
    'resnet50': Stated({'findings': 1000}, 3, 224, 224, 25557032, 4.089, 'torchvision, ResNet50_Weights'),
    'googlenet': Stated({'findings': 1000}, 3, 224, 224, 6624904, 1.498, 'torchvision, GoogLeNet_Weights'),
    'attention_unet': Stated({}, 1, 64, 64, 8024300, None, 'own widths, arithmetic on the layers below'),
    'unet_resnet34': Stated({'classes': 21}, 3, 224, 224, 24439269, 6.13, 'requirements A-004, layer table'),
    'unet_lite': Stated({'channels': 3}, 3, 224, 224, 3.67e6, 4.38, 'requirements B-08'),
    'efficientnet_lite0': Stated({}, 1, 192, 256, 3018544, 0.3929,
                                 'counted here; 2,958,272 are the layers of tf_efficientnet_lite0 but its head'),
    'segformer_b0': Stated({}, 3, 224, 224, 3.7e6, None, 'requirements B-08, tables'),
    'deeplabv3plus_mobilenetv2': Stated({}, 3, 224, 224, 4380312, None,
                                        'counted here; 2,223,872 are torchvision MobileNetV2'),
}


@pytest.fixture(scope='module', params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture(scope='module')
def made(name):
    """A network that tests leave as it is, and two pictures."""
    return small(name)


def small(name, **options):
    """A network at its small size, with normalisation as after some training, and a batch of two pictures."""
    torch.manual_seed(0)
    height, width = SIZES[name]
    if name == 'latents':
        options = dict(options, height=height, width=width)
    network = build(name, **options)
    pictures = torch.rand(2, ARCHITECTURES[name].channels, height, width)
    return settle(network, pictures), pictures


def test_scores_have_the_pictures_size(name, made):
    network, pictures = made
    with torch.no_grad():
        regions, finding, view = network(pictures)
    tasks = ARCHITECTURES[name].tasks
    assert (regions is not None, finding is not None) == (REGIONS in tasks, FINDING in tasks)
    if regions is not None:
        assert regions.shape == (2, 8, *pictures.shape[2:]) and regions.dtype == torch.float32
    if finding is not None:
        assert finding.shape == (2, 1) and finding.dtype == torch.float32
    if view is not None:
        assert view.shape == (2, len(VIEWS)) and view.dtype == torch.float32


def test_every_weight_learns(made):
    network, pictures = copy.deepcopy(made)
    network.train()
    sum(scores.square().mean() for scores in network(pictures) if scores is not None).backward()
    trainable = {key: p for key, p in network.named_parameters() if p.requires_grad}
    assert trainable
    assert not [key for key, p in trainable.items() if p.grad is None or not torch.isfinite(p.grad).all()]
    # A bias before batch normalisation has none by nature; a filter without any is cut off.
    assert not [key for key, p in trainable.items() if p.dim() > 1 and not p.grad.any()]


def test_a_picture_is_judged_alone(made):
    network, pictures = made
    with torch.no_grad():
        for together, first in zip(network(pictures), network(pictures[:1])):
            assert (together is None) == (first is None)
            if together is not None:
                assert torch.allclose(together[:1], first, atol=1e-4, rtol=1e-4)


def test_a_seed_decides_the_weights(name):
    built = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        built.append(build(name, **NARROW.get(name, {})).state_dict())
    assert all(torch.equal(built[0][key], built[1][key]) for key in built[0])
    assert not all(torch.equal(built[0][key], built[2][key]) for key in built[0])


@pytest.mark.parametrize('name', sorted(STATED))
def test_parameters_and_cost_are_as_stated(name):
    stated = STATED[name]
    network = build(name, **stated.options).to('meta')
    parameters, gmac = count_cost(network, stated.height, stated.width, stated.channels)
    # A figure stated to the last digit is met to the last digit, a rounded one within its rounding.
    exact = isinstance(stated.parameters, int)
    assert parameters == pytest.approx(stated.parameters, rel=0 if exact else 6e-3)
    if stated.gmac is not None:
        assert gmac == pytest.approx(stated.gmac, rel=2e-3)


def test_attention_unet_by_layer_arithmetic():
    widths, classes = (32, 64, 128, 256, 512), 8

    def double(a, b):
        return 9 * a * b + 9 * b * b + 4 * b

    total = double(1, 32) + sum(double(a, b) for a, b in zip(widths, widths[1:])) + 32 * classes + classes
    for skip, below in zip(widths, widths[1:]):
        gate = 4 * skip * skip // 2 + (below + 1) * skip // 2 + skip // 2 + 1
        total += gate + 4 * below * skip + skip + double(2 * skip, skip)
    assert STATED['attention_unet'].parameters == total


@pytest.mark.parametrize('name', [name for name in NETWORKS if ARCHITECTURES[name].limit_macs])
def test_it_fits_the_device(name):
    entry = ARCHITECTURES[name]
    parameters, gmac = count_cost(build(name).to('meta'), entry.height, entry.width, entry.channels)
    assert parameters <= entry.limit_parameters
    assert gmac * 1e9 <= entry.limit_macs


def test_the_onnx_file_answers_as_pytorch_does(name, made, tmp_path):
    network, pictures = small(name, **NARROW[name]) if name in NARROW else made
    picture, path = pictures[:1], tmp_path / 'model.onnx'
    export_onnx(network, path, *picture.shape[2:], channels=picture.shape[1])
    facts = scan_onnx(path.read_bytes())
    assert (facts.opset, facts.ir_version) == (OPSET, IR_VERSION) == (13, 7)
    assert facts.domains <= {''} and facts.external_tensors == 0
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    names = [output.name for output in session.get_outputs()]
    assert names == list(DeployedNetwork(network).outputs(picture))
    got = dict(zip(names, session.run(names, {INPUT: picture.numpy()})))
    with torch.no_grad():
        want = {key: value.numpy() for key, value in zip(names, DeployedNetwork(network)(picture))}
    if 'labels' in names:
        assert got['labels'].dtype == np.int32 and np.mean(got['labels'] == want['labels']) > 0.999
        # A flat answer would prove nothing.
        assert len(np.unique(want['labels'])) > 1 or np.ptp(want['confidence']) > 1e-3
        assert np.abs(got['confidence'] - want['confidence']).max() < 1e-4
    for name in set(names) - {'labels', 'confidence'}:
        assert np.abs(got[name] - want[name]).max() < 1e-4
