"""Compiling: what is chosen, what is kept, and that a failure leaves the existing engine."""
import io
import os
import sys

import pytest

from jetson.compile import Progress, compile_engine
from service.bundle import open_bundle
from service.messages import BackendError
from tests.fakes.variants import document, write_variants

from .bench import build, plans, refused


def test_auto_takes_what_is_native(tensorrt_double, bundle, plain, store):
    double = tensorrt_double(version='8.2.1', sm=53)
    assert build(bundle, store, 'auto').record['key']['precision'] == 'fp16'
    tensorrt_double(version='8.5.2', sm=72)
    assert build(bundle, store, 'auto').record['key']['precision'] == 'int8'
    # FP16 is native, but this bundle has no tolerances for it.
    compiled = build(plain, store, 'auto')
    assert compiled.record['key']['precision'] == 'fp32' and 'golden answer' in compiled.notes[1]
    tensorrt_double(version='8.2.1', sm=52)
    compiled = build(bundle, store, 'auto')
    assert compiled.record['key']['precision'] == 'fp32' and 'FP32' in compiled.notes[0]
    assert double.leaks() == []


def test_auto_continues_until_one_proves_itself(tensorrt_double, bundle, store):
    double = tensorrt_double(nan=True)
    compiled = build(bundle, store, 'auto')
    assert compiled.record['key']['precision'] == 'fp32' and 'not finite' in compiled.notes[1]
    assert [entry.key.precision for entry in store.list()] == ['fp32'] and double.leaks() == []


def test_an_engine_that_is_there_is_proven_and_not_built(tensorrt_double, bundle, store):
    double = tensorrt_double()
    first = build(bundle, store)
    ran = double.executions
    again = build(bundle, store)
    assert again.reused and again.name == first.name and double.builds == 1 and double.executions > ran
    assert not build(bundle, store, force=True).reused and double.builds == 2
    assert not build(bundle, store, workspace_mib=64).reused and len(store.list()) == 2


def test_an_engine_that_is_there_and_no_longer_right_is_built_again(tensorrt_double, bundle, store):
    tensorrt_double()
    record = build(bundle, store).record
    with open(os.path.join(store.folder, record['plan']['file']), 'ab') as stream:
        stream.write(b'!')
    compiled = build(bundle, store)
    assert not compiled.reused and 'not the file that was built' in compiled.notes[0]
    assert len(plans(store)) == 1


def test_another_power_mode_is_worth_an_engine_of_its_own(tensorrt_double, bundle, store, monkeypatch):
    from service.engines import machine_facts

    tensorrt_double()
    build(bundle, store)
    facts = dict(machine_facts(), power_mode='5W')
    monkeypatch.setattr('jetson.compile.run.machine_facts', lambda: facts)
    assert not build(bundle, store).reused and len(store.list()) == 2


def test_the_older_engine_of_the_bundle_goes_only_after_the_new_one_is_proven(tensorrt_double, bundle, store, tmp_path):
    double = tensorrt_double()
    old = build(bundle, store)
    renewed = open_bundle(write_variants(tmp_path / 'renewed', version='1.1.0', limits=['Another text.']))
    double.faults.nan = True
    # The networks are the same files, so the old engine is found, is no longer right, and stays.
    assert refused(renewed, store, force=True).code == 'engine-not-finite'
    assert list(plans(store)) == [old.name]
    double.faults.nan = False
    other = open_bundle(write_variants(tmp_path / 'other', finding=False))
    new = build(other, store)
    assert list(plans(store)) == [new.name] and old.name in new.notes[-1]


@pytest.mark.parametrize('fault, precision, code, words', [
    ({'nan': True}, 'fp16', 'engine-not-finite', '--precision fp32'),
    ({'build_fails': True}, 'fp16', 'engine-no-tactic', 'ForeignNode'),
    ({'bad_plan': True}, 'fp16', 'engine-refused', 'Serialization'),
    ({'no_context': True}, 'fp16', 'backend-memory', 'Close other programs'),
    ({'out_of_memory': True}, 'fp32', 'backend-memory', 'Close other programs'),
    ({'no_device': True}, 'fp16', 'cuda-missing', 'no CUDA-capable device'),
    ({'cuda_error': 'out of memory'}, 'fp32', 'backend-memory', 'out of memory'),
])
def test_whatever_fails_leaves_the_engine_that_was_there(tensorrt_double, bundle, store, fault, precision, code,
                                                         words):
    double = tensorrt_double()
    build(bundle, store, precision)
    there = plans(store)
    for name, value in fault.items():
        setattr(double.faults, name, value)
    error = refused(bundle, store, precision, force=True)
    assert error.code == code and words in error.message.text
    assert plans(store) == there and double.leaks() == []


def test_a_wrong_answer_is_not_kept(tensorrt_double, store, tmp_path):
    tensorrt_double()
    manifest = document(names=('fp16',))
    manifest['variants']['fp16']['golden']['confidence_tolerance'] = 1e-6
    strict = open_bundle(write_variants(tmp_path / 'strict', names=('fp16',), variants=manifest['variants']))
    error = refused(strict, store)
    assert error.code == 'engine-unproven' and 'confidence_error' in error.message.text
    assert '--precision fp32' in error.message.text and store.list() == []


def test_int8_from_a_cache_that_fails_the_proof_falls_back_to_qdq(tensorrt_double, store, tmp_path, monkeypatch):
    from jetson.compile import child

    tensorrt_double(version='8.5.2', sm=72)
    bundle = open_bundle(write_variants(tmp_path / 'bundle'))
    real = child.prove_plan

    def prove(bundle, plan, precision, variant, *others, **options):
        if variant == 'fp32':
            raise BackendError('engine-unproven', 'The INT8 engine does not give the golden answer.')
        return real(bundle, plan, precision, variant, *others, **options)

    monkeypatch.setattr(child, 'prove_plan', prove)
    compiled = build(bundle, store, 'int8')
    assert compiled.record['variant'] == 'int8-qdq' and 'does not give the golden answer' in compiled.notes[0]
    assert [entry.record['variant'] for entry in store.list()] == ['int8-qdq']


@pytest.mark.parametrize('version, sm, variant', [('8.2.1', 72, 'fp32-logits'), ('11.4.0', 90, 'fp16-logits')])
def test_without_a_kernel_for_argmax_the_logits_are_compiled(tensorrt_double, bundle, plain, store, version, sm,
                                                             variant):
    double = tensorrt_double(version=version, sm=sm, no_argmax=True)
    compiled = build(bundle, store)
    assert compiled.record['variant'] == variant and compiled.record['proof']['labels_agreement'] > 0.98
    assert 'Trying FP16 from %s' % variant in compiled.notes[0]
    error = refused(plain, store, 'fp32')
    assert error.code == 'engine-no-tactic' and '--workspace' in error.message.text
    assert double.leaks() == []


def test_logits_can_be_asked_for(tensorrt_double, bundle, store):
    tensorrt_double(sm=72)
    assert build(bundle, store, from_logits=True).record['variant'] == 'fp32-logits'


def test_on_a_nano_they_come_first_and_the_argmax_is_the_last_resort(tensorrt_double, bundle, store):
    double = tensorrt_double(sm=53)
    assert build(bundle, store).record['variant'] == 'fp32-logits' and double.builds == 1
    double.faults.build_fails = True
    error = refused(bundle, store, force=True)
    # Both routes, each once.
    assert error.code == 'engine-no-tactic' and double.builds == 3


def test_a_small_workspace_is_recorded_with_the_option(tensorrt_double, bundle, store):
    tensorrt_double(low_workspace=True)
    record = build(bundle, store, workspace_mib=16).record
    assert not record['low_memory'] and '--workspace 32' in record['notes'][0]
    assert 'sufficient workspace' in ' '.join(record['warnings'])


def test_a_shortage_of_memory_is_recorded_with_the_engine(tensorrt_double, bundle, store):
    tensorrt_double(low_memory=True)
    record = build(bundle, store).record
    assert record['low_memory'] and 'Device memory is insufficient' in ' '.join(record['warnings'])
    assert 'Skipping tactic 3' in ' '.join(record['warnings']) and 'slower than it could be' in record['notes'][0]
    assert store.find(store.list()[0].key).notes == tuple(record['notes'])


@pytest.mark.parametrize('version, sm, before, after', [
    ('8.2.1', 53, ['CUBLAS', 'CUBLAS_LT', 'CUDNN'], []),
    ('10.3.0', 87, ['CUBLAS', 'CUBLAS_LT', 'CUDNN', 'EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS'],
     ['EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS']),
    ('11.4.0', 90, ['EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS'], ['EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS']),
])
def test_cublas_and_cudnn_are_dropped_where_they_exist(tensorrt_double, bundle, store, version, sm, before, after):
    double = tensorrt_double(version=version, sm=sm)
    assert build(bundle, store).record['tactic_sources'] == before
    count = len(double.messages())
    dropped = build(bundle, store, no_cublas=True)
    assert dropped.record['tactic_sources'] == after
    # Where there is nothing to drop the option changes nothing, and the engine is the same one.
    assert dropped.reused is (before == after)
    assert not [line for line in double.messages()[count:] if 'cuDNN' in line]


def test_timings_are_kept_by_machine_and_used(tensorrt_double, bundle, store):
    double = tensorrt_double()
    build(bundle, store)
    assert double.timed
    build(bundle, store, force=True)
    assert double.timed == []
    caches = [name for name in os.listdir(store.folder) if name.endswith('.cache')]
    assert len(caches) == 1 and 'sm53-trt8.2.1.8' in caches[0]


@pytest.mark.parametrize('content', [b'rubbish', b'', None])
def test_a_timing_cache_that_cannot_be_used_costs_time_and_nothing_else(tensorrt_double, bundle, store, tmp_path,
                                                                       content):
    path = tmp_path / 'timings'
    if content is None:
        tensorrt_double(version='8.0.1', sm=53)
        build(bundle, store, timing_cache=str(path))
    else:
        path.write_bytes(content)
    double = tensorrt_double(version='8.2.1', sm=53)
    compiled = build(bundle, store, timing_cache=str(path))
    assert double.timed
    assert any('timed anew' in note for note in compiled.notes) is (content != b'')
    build(bundle, store, timing_cache=str(path), force=True)
    assert double.timed == []


def test_timings_that_cannot_be_kept_are_reported_and_the_engine_is_kept(tensorrt_double, bundle, store, tmp_path):
    tensorrt_double()
    compiled = build(bundle, store, timing_cache=str(tmp_path / 'nowhere' / 'timings'))
    assert any('timings were not kept' in note for note in compiled.notes) and len(plans(store)) == 1


def test_a_slow_build_says_what_it_is_doing(tensorrt_double, bundle, store):
    tensorrt_double(slow_build=0.3)
    screen = io.StringIO()
    build(bundle, store, screen=screen)
    lines = [line for line in screen.getvalue().splitlines() if line.startswith('Building FP16')]
    assert len(set(lines)) > 1 and any('Timing layer' in line for line in lines)


def test_tensorrts_own_progress_is_shown_where_it_has_one(tensorrt_double, bundle, store):
    tensorrt_double(version='10.3.0', sm=87)
    heard = []

    class Ear(Progress):
        def heard(self, message):
            heard.append(message)

    compile_engine(bundle, store, 'fp16', progress=Ear(io.StringIO()))
    assert any(', step 1 of ' in message for message in heard)


def test_without_tensorrt_the_error_names_onnx_runtime(bundle, store, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    with pytest.raises(BackendError) as caught:
        compile_engine(bundle, store)
    assert caught.value.code == 'tensorrt-missing' and 'ONNX Runtime' in caught.value.message.text
    assert not os.path.exists(store.folder)
