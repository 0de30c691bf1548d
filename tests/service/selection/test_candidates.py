"""From a bundle and a precision to an engine, whichever variant it was compiled from."""
import pytest

from service.bundle import open_bundle
from service.engines import EngineKey, EngineStore
from service.messages import BackendError
from service.selection import Runtime, baseline, every_candidate, find_engine, proof_variant
from service.settings import Settings
from tests.fakes.engines import FACTS, record
from tests.fakes.variants import NAMES, write_variants


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
def test_an_engine_of_any_variant_is_found(store, bundle, variant, precision):
    keep(store, bundle, variant, precision)
    found = find_engine(store, bundle, precision, FACTS)
    assert found.plan == variant.encode() and found.record['variant'] == variant


@pytest.mark.parametrize('precision, variant', [('fp32', 'fp32'), ('fp16', 'fp16'), ('int8', 'int8-qdq')])
def test_it_is_proven_by_the_tolerances_of_its_precision(bundle, precision, variant):
    assert proof_variant(bundle, precision) == variant


def test_a_bundle_without_the_precision_has_only_the_tolerances_of_fp32(tmp_path):
    plain = open_bundle(write_variants(tmp_path / 'bundle', names=('fp16-logits',)))
    assert proof_variant(plain, 'int8') == 'fp32' and proof_variant(plain, 'fp16') == 'fp16-logits'


def test_the_most_informative_refusal_is_raised(store, bundle):
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
    monkeypatch.setattr('service.selection.candidates.machine_facts', lambda: dict(FACTS, sm=None))
    with pytest.raises(BackendError) as caught:
        find_engine(store, bundle, 'fp16')
    assert caught.value.code == 'engine-foreign' and 'built for 5.3, here unknown' in caught.value.message.text


def test_every_candidate_is_every_file_on_every_provider(store, bundle):
    for precision in ('fp32', 'fp16'):
        keep(store, bundle, 'fp32', precision)
    every = every_candidate(bundle, Runtime(engines=store.folder))
    assert len(every) == 2 + 3 * (1 + len(NAMES)) == len({candidate.name for candidate in every})
    assert {candidate.variant for candidate in every} == {'fp32'} | set(NAMES)
    assert baseline(bundle).name == 'onnxruntime-cpu:fp32'


def test_settings_make_a_runtime(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    settings = Settings(backend='onnxruntime', precision='fp16', threads=3)
    assert Runtime.from_settings(settings) == Runtime('onnxruntime', 'fp16', str(tmp_path / 'thermoscreen' / 'engines'),
                                                      3)
    assert Runtime.from_settings(Settings(engines='')).engines == ''
    assert Runtime.from_settings(Settings(engines='/data/engines')).engines == '/data/engines'


def test_the_tensorrt_provider_never_builds_at_startup(monkeypatch, bundle, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: ['TensorrtExecutionProvider'])

    def make(build, engines=str(tmp_path)):
        every = every_candidate(bundle, Runtime(engines=engines), build)
        return {candidate.name: candidate for candidate in every}['onnxruntime-tensorrt:fp16'].make()

    for engines_folder in (str(tmp_path), ''):
        with pytest.raises(BackendError) as caught:
            make(False, engines_folder)
        assert caught.value.code == 'engine-missing' and 'thermoscreen choose' in caught.value.message.text
    cache = make(True)._cache
    assert cache.startswith(str(tmp_path / 'onnxruntime' / 'fp16-'))
    with pytest.raises(BackendError):
        make(False)  # an empty folder holds nothing to load
    (tmp_path / 'onnxruntime' / cache.rpartition('/')[2] / 'built.engine').write_bytes(b'engine')
    assert make(False)._cache == cache
    # An engine of another release is not used for this one.
    monkeypatch.setattr(onnxruntime, '__version__', '1.11.0')
    with pytest.raises(BackendError):
        make(False)
