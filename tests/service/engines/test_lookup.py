"""From a bundle and a precision to an engine, whichever variant it was compiled from."""
import pytest

from service.bundle import open_bundle
from service.engines import EngineKey, EngineStore, find_engine, proof_variant
from service.messages import BackendError
from tests.fakes.engines import FACTS, record
from tests.fakes.variants import write_variants


@pytest.fixture
def bundle(tmp_path):
    return open_bundle(write_variants(tmp_path / 'bundle'))


@pytest.fixture
def store(tmp_path):
    made = EngineStore(str(tmp_path / 'engines'))
    made.check_writable()
    return made


def keep(store, bundle, variant, precision, **changes):
    key = EngineKey(bundle.sha256(variant), precision=precision, flags=('workspace=256',), **dict(FACTS, **changes))
    store.write(key, variant.encode(), record(variant=variant, bundle=bundle.manifest.identity))


@pytest.mark.parametrize('variant, precision', [('fp32', 'fp16'), ('fp16', 'fp16'), ('fp32-logits', 'fp16'),
                                                ('fp32', 'int8'), ('int8-qdq', 'int8'), ('fp32-logits', 'fp32')])
def test_any_variant_serves(store, bundle, variant, precision):
    keep(store, bundle, variant, precision)
    found = find_engine(store, bundle, precision, FACTS)
    assert found.plan == variant.encode() and found.record['variant'] == variant


@pytest.mark.parametrize('precision, variant', [('fp32', 'fp32'), ('fp16', 'fp16'), ('int8', 'int8-qdq')])
def test_it_is_proven_by_the_tolerances_of_its_precision(bundle, precision, variant):
    assert proof_variant(bundle, precision) == variant


def test_a_bundle_without_the_precision_has_only_the_tolerances_of_fp32(tmp_path):
    plain = open_bundle(write_variants(tmp_path / 'bundle', names=('fp16-logits',)))
    assert proof_variant(plain, 'int8') == 'fp32' and proof_variant(plain, 'fp16') == 'fp16-logits'


def test_the_most_telling_refusal_is_the_one_that_is_raised(store, bundle):
    keep(store, bundle, 'fp32-logits', 'fp16', tensorrt='8.0.1')
    with pytest.raises(BackendError) as caught:
        find_engine(store, bundle, 'fp16', FACTS)
    assert caught.value.code == 'engine-stale'
    assert '(TensorRT: built for 8.0.1, here 8.2.1)' in caught.value.message.text
    with pytest.raises(BackendError) as caught:
        find_engine(store, bundle, 'int8', FACTS)
    assert caught.value.code == 'engine-missing'


def test_without_facts_this_machine_is_asked(store, bundle, monkeypatch):
    keep(store, bundle, 'fp32', 'fp16')
    monkeypatch.setattr('service.engines.lookup.machine_facts', lambda: dict(FACTS, sm=None))
    with pytest.raises(BackendError) as caught:
        find_engine(store, bundle, 'fp16')
    assert caught.value.code == 'engine-foreign' and 'built for 5.3, here unknown' in caught.value.message.text
