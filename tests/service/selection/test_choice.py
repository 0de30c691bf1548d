"""What is tried for a bundle, in which order, and how a written choice changes it."""
import json

import pytest

from service.bundle import open_bundle
from service.engines import EngineStore
from service.messages import BackendError
from service.selection import INT8_MARGIN, Runtime, choice, fastest, machine_key, plan, write_choice
from tests.fakes import engines
from tests.fakes.variants import write_variants

PROVIDERS = ['onnxruntime-%s:fp32' % word for word in ('tensorrt', 'cuda', 'cpu')]


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(write_variants(tmp_path_factory.mktemp('variants') / 'bundle'))


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    return open_bundle(write_variants(tmp_path_factory.mktemp('plain') / 'bundle', names=()))


@pytest.fixture
def folder(tmp_path):
    """A folder with an FP32 and an FP16 engine of some model."""
    store = EngineStore(str(tmp_path / 'engines'))
    store.check_writable()
    for precision in ('fp32', 'fp16'):
        store.write(engines.key(precision=precision), b'plan', engines.record())
    return store.folder


def names(bundle, **runtime):
    return [candidate.name for candidate in plan(bundle, Runtime(**runtime))[0]]


def refusal(bundle, **runtime):
    with pytest.raises(BackendError) as caught:
        plan(bundle, Runtime(**runtime))
    assert '\n' not in caught.value.message.text
    return caught.value


def test_engines_first_then_providers_in_fp32(bundle, folder):
    assert names(bundle, engines=folder) == ['tensorrt:fp16', 'tensorrt:fp32'] + PROVIDERS


def test_a_folder_without_engines_offers_none(bundle, tmp_path):
    assert names(bundle, engines=str(tmp_path)) == names(bundle, engines=str(tmp_path / 'nowhere')) == PROVIDERS


@pytest.mark.parametrize('precision, variant', [('fp32', 'fp32'), ('fp16', 'fp16'), ('int8', 'int8-qdq')])
def test_a_precision_restricts_everything(bundle, folder, precision, variant):
    found, _ = plan(bundle, Runtime(precision=precision, engines=folder))
    assert {candidate.precision for candidate in found} == {precision}
    assert [candidate.name for candidate in found if candidate.backend == 'onnxruntime'] == [
        name.replace('fp32', variant) for name in PROVIDERS]


def test_a_backend_restricts_everything(bundle, folder):
    assert names(bundle, backend='tensorrt', engines=folder) == ['tensorrt:fp16', 'tensorrt:fp32']
    assert names(bundle, backend='onnxruntime', engines=folder) == PROVIDERS


def test_logits_are_used_where_no_other_file_has_the_precision(tmp_path):
    bundle = open_bundle(write_variants(tmp_path / 'bundle', names=('fp16-logits',)))
    assert names(bundle, precision='fp16')[-1] == 'onnxruntime-cpu:fp16-logits'


def test_a_precision_that_the_bundle_lacks_is_refused(plain, folder):
    error = refusal(plain, precision='int8', engines=folder)
    assert error.code == 'precision-missing' and 'no int8 variant, only fp32' in error.message.text
    assert refusal(plain, precision='fp16').code == 'precision-missing'
    # An FP16 engine can be compiled from the FP32 file.
    assert names(plain, precision='fp16', engines=folder) == ['tensorrt:fp16']


def test_tensorrt_alone_needs_an_engine(bundle, folder, tmp_path):
    error = refusal(bundle, backend='tensorrt')
    assert error.code == 'engine-missing' and 'engines is not set' in error.message.text
    assert refusal(bundle, backend='tensorrt', engines=str(tmp_path)).code == 'engine-missing'
    error = refusal(bundle, backend='tensorrt', precision='int8', engines=folder)
    assert 'no int8 engine in' in error.message.text and 'thermoscreen compile' in error.message.text


class TestWrittenChoice:
    """`choice.json` is followed where bundle and machine are those of the measurement."""

    @pytest.fixture(autouse=True)
    def chosen(self, bundle, tmp_path):
        self.folder = str(tmp_path)
        self.write(bundle)

    def write(self, bundle, **changes):
        write_choice(self.folder, dict({'bundle': bundle.manifest.identity, 'machine': machine_key(),
                                        'chosen': 'onnxruntime-cpu:int8-qdq'}, **changes))

    def follow(self, bundle, **runtime):
        found, messages = plan(bundle, Runtime(engines=self.folder, **runtime))
        return [candidate.name for candidate in found], messages

    def ignored(self, bundle, words, code='choice-stale', **runtime):
        found, (message,) = self.follow(bundle, **runtime)
        assert found == PROVIDERS and message.subject == 'choice.json' and message.code == code
        assert words in message.sentence and 'thermoscreen choose --write' in message.next_step

    def test_the_chosen_candidate_is_tried_first(self, bundle):
        assert self.follow(bundle) == (['onnxruntime-cpu:int8-qdq'] + PROVIDERS, [])

    def test_a_precision_in_the_settings_overrides_it(self, bundle):
        assert self.follow(bundle, precision='fp32') == (PROVIDERS, [])

    def test_of_another_bundle_it_is_ignored(self, bundle, plain):
        found, (message,) = self.follow(plain)
        assert found == PROVIDERS and 'with another bundle' in message.sentence

    def test_of_another_machine_it_is_ignored(self, bundle):
        self.write(bundle, machine=dict(machine_key(), board='Jetson Nano', power_mode='5W'))
        self.ignored(bundle, 'board: Jetson Nano, here ')

    def test_of_another_onnx_runtime_it_is_ignored(self, bundle, monkeypatch):
        monkeypatch.setattr(choice, '_onnxruntime_version', lambda: '1.99.0')
        self.ignored(bundle, 'here 1.99.0')

    def test_of_other_threads_it_is_ignored(self, bundle):
        self.ignored(bundle, 'threads: ', threads=machine_key()['threads'] + 1)

    def test_a_candidate_that_is_gone_is_ignored(self, bundle):
        self.write(bundle, chosen='tensorrt:fp16')
        self.ignored(bundle, 'tensorrt:fp16, which is no longer available here')

    @pytest.mark.parametrize('text', ['', '{', '[]', '{"bundle": {}}', '{"bundle": 1, "machine": 2, "chosen": 3}',
                                      '\x00'])
    def test_an_unreadable_choice_is_ignored(self, bundle, text):
        with open(self.folder + '/choice.json', 'w') as stream:
            stream.write(text)
        self.ignored(bundle, 'cannot be read', 'choice-unreadable')

    def test_a_machine_that_is_not_a_table_is_ignored(self, bundle):
        self.write(bundle, machine=None)
        self.ignored(bundle, 'not stated')

    def test_it_is_written_as_json_with_a_schema(self):
        with open(self.folder + '/choice.json') as stream:
            assert json.load(stream)['schema'] == 1


def rows(**medians):
    """Rows of a measurement: precision to median; a negative one is excluded."""
    return [{'name': name, 'precision': name[:4], 'median_ms': abs(median), 'excluded': 'x' if median < 0 else ''}
            for name, median in medians.items()]


@pytest.mark.parametrize('medians, chosen', [
    ({'fp32': 10.0, 'fp16': 9.9}, 'fp16'),
    ({'fp32': 10.0, 'fp16': -5.0}, 'fp32'),
    ({'fp32': 10.0, 'int8': 10 * (1 - INT8_MARGIN) + 0.01}, 'fp32'),
    ({'fp32': 10.0, 'int8': 10 * (1 - INT8_MARGIN) - 0.01}, 'int8'),
    ({'fp32': 10.0, 'fp16': 7.0, 'int8': 6.5}, 'fp16'),
    ({'int8': 6.5}, 'int8'),
    ({'int8': -6.5}, None),
    ({}, None),
])
def test_the_fastest_eligible_row_is_chosen(medians, chosen):
    found = fastest(rows(**medians))
    assert (found and found['name']) == chosen
