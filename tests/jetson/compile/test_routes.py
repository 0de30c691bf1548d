"""Which file is compiled for a precision, and what is refused."""
import pytest

from jetson.compile import Abilities, Route, choose_precision, find_routes
from jetson.compile.routes import without_argmax
from service.bundle import open_bundle
from service.messages import BackendError
from tests.fakes import bundles
from tests.fakes.variants import NAMES, document, files, write_variants

from .bench import build

NANO = Abilities('8.2.1', 53, fp16=True, int8=False, flags=True, calibrators=True)
OTHER = Abilities('8.2.1', 62, fp16=True, int8=False, flags=True, calibrators=True)
XAVIER = Abilities('8.5.2', 72, fp16=True, int8=True, flags=True, calibrators=True)
TODAY = Abilities('11.4.0', 90, fp16=True, int8=True, flags=False, calibrators=False)
PASCAL = Abilities('8.2.1', 61, fp16=False, int8=True, flags=True, calibrators=True)
OLD = Abilities('8.2.1', 50, fp16=False, int8=False, flags=True, calibrators=True)


def ways(bundle, precision, abilities, **options):
    return [(route.variant, route.method) for route in find_routes(bundle, precision, abilities, **options)]


def test_fp16_is_a_flag_until_the_flags_are_gone(bundle, plain):
    assert ways(bundle, 'fp16', OTHER) == ways(plain, 'fp16', NANO) == [('fp32', 'flag')]
    assert ways(bundle, 'fp16', TODAY) == [('fp16', 'plain')]
    with pytest.raises(BackendError) as caught:
        find_routes(plain, 'fp16', TODAY)
    assert caught.value.code == 'precision-missing' and '--precision fp32' in caught.value.message.text


def test_int8_is_a_cache_or_qdq(bundle, plain, tmp_path):
    assert ways(bundle, 'int8', XAVIER) == [('fp32', 'calibration'), ('int8-qdq', 'qdq')]
    assert ways(bundle, 'int8', TODAY) == [('int8-qdq', 'qdq')]
    with pytest.raises(BackendError) as caught:
        find_routes(plain, 'int8', XAVIER)
    assert caught.value.code == 'precision-missing' and 'thermoscreen calibrate' in caught.value.message.text
    manifest = document()
    del manifest['calibration']
    contents = files()
    del contents['calibration.cache']
    uncached = open_bundle(bundles.write(tmp_path / 'uncached', manifest, contents))
    assert ways(uncached, 'int8', XAVIER) == [('int8-qdq', 'qdq')]


@pytest.mark.parametrize('precision, abilities, offered', [('int8', NANO, 'fp16'), ('int8', OLD, 'fp32'),
                                                           ('fp16', OLD, 'fp32'), ('fp16', PASCAL, 'fp32')])
def test_a_precision_that_the_gpu_lacks_is_refused_with_one_that_it_has(bundle, precision, abilities, offered):
    with pytest.raises(BackendError) as caught:
        find_routes(bundle, precision, abilities)
    assert caught.value.code == 'precision-unsupported'
    assert '--precision %s' % offered in caught.value.message.text
    assert 'compute capability %d.%d' % divmod(abilities.sm, 10) in caught.value.message.text


@pytest.mark.parametrize('abilities, whole, bare', [(NANO, 'fp16', 'fp16'), (XAVIER, 'int8', 'fp16'),
                                                    (TODAY, 'int8', 'fp32'), (PASCAL, 'int8', 'fp32'),
                                                    (OLD, 'fp32', 'fp32')])
def test_auto_is_the_lowest_precision_that_is_native_and_in_the_bundle(bundle, plain, abilities, whole, bare):
    assert choose_precision(bundle, abilities) == whole
    assert choose_precision(plain, abilities) == bare


def test_logits_are_asked_for_or_taken_instead(bundle, plain):
    assert ways(bundle, 'fp16', NANO, from_logits=True) == [('fp32-logits', 'flag')]
    assert ways(bundle, 'fp16', TODAY, from_logits=True) == [('fp16-logits', 'plain')]
    assert ways(bundle, 'int8', XAVIER, from_logits=True) == [('fp32-logits', 'calibration')]
    assert without_argmax(bundle, Route('fp16', 'fp32', 'flag')) == Route('fp16', 'fp32-logits', 'flag')
    assert without_argmax(bundle, Route('int8', 'int8-qdq', 'qdq')) is None
    assert without_argmax(plain, Route('fp16', 'fp32', 'flag')) is None
    with pytest.raises(BackendError) as caught:
        find_routes(plain, 'fp16', NANO, from_logits=True)
    assert caught.value.code == 'logits-missing'


def test_a_nano_leaves_the_argmax_out_where_it_can(bundle, plain):
    assert ways(bundle, 'fp16', NANO) == [('fp32-logits', 'flag'), ('fp32', 'flag')]
    assert ways(bundle, 'fp32', NANO) == [('fp32-logits', 'plain'), ('fp32', 'plain')]
    assert ways(plain, 'fp32', NANO) == [('fp32', 'plain')]


def test_logits_in_fp16_serve_where_fp16_is_asked(tensorrt_double, store, tmp_path):
    bundle = open_bundle(write_variants(tmp_path / 'lean', names=('fp16-logits',)))
    assert without_argmax(bundle, Route('fp32', 'fp32', 'plain')) is None
    tensorrt_double(version='8.2.1', sm=53, no_argmax=True)
    compiled = build(bundle, store, 'fp16')
    assert compiled.record['variant'] == 'fp16-logits' and compiled.record['proof']['labels_agreement'] > 0.98


def test_a_route_as_text():
    assert str(Route('fp16', 'fp32', 'flag')) == 'FP16 from fp32, lowered by TensorRT'


def test_every_variant_of_the_fake_is_reached(bundle):
    reached = {route.variant for abilities in (XAVIER, TODAY) for logits in (False, True)
               for precision in ('fp32', 'fp16', 'int8')
               for route in _quietly(bundle, precision, abilities, logits)}
    assert reached == set(NAMES) | {'fp32'}


def _quietly(bundle, precision, abilities, logits):
    try:
        return find_routes(bundle, precision, abilities, logits)
    except BackendError:
        return []
