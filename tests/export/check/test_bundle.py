"""Of a bundle every variant is judged; a board takes it when it takes one of them."""
import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.check import check_bundle, fits  # noqa: E402
from export.targets import TARGETS, load_target  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from tests.fakes import variants  # noqa: E402


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(variants.write_variants(tmp_path_factory.mktemp('check') / 'b'))


def test_a_nano_refuses_int8_and_takes_the_rest(bundle):
    found = check_bundle(bundle, load_target('jetson-nano'))
    assert list(found) == list(bundle.variants)
    assert [name for name, violations in found.items() if not fits(violations)] == ['int8-qdq']
    assert {one.rule for one in found['int8-qdq']} == {'int8'}
    assert 'fp16 variant' in found['int8-qdq'][0].remedy


@pytest.mark.parametrize('target', ['xavier-nx', 'orin-nano-8.6', 'orin-nano', 'desktop'])
def test_other_targets_take_them_all(bundle, target):
    assert all(map(fits, check_bundle(bundle, load_target(target)).values()))


@pytest.mark.parametrize('target', TARGETS)
def test_the_shipped_bundle_suits_every_target(root, target):
    shipped = open_bundle(str(root / 'service' / 'bundles' / 'phantom-unet'))
    found = check_bundle(shipped, load_target(target))
    assert fits(found['fp32']), found['fp32']
    warned = {one.rule for one in found['fp32']}
    assert warned == ({'argmax'} if target.startswith('jetson-nano') else set())
