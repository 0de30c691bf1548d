"""Build, store, load, infer, refuse: the whole cycle on every TensorRT that a board or a PC may have."""
import functools
import os

import numpy as np
import pytest

from service.backends import OnnxRuntimeBackend, Worker
from service.backends.from_logits import FromLogits
from service.backends.tensorrt_backend import TensorRTBackend
from service.bundle import prove
from service.messages import BackendError
from service.selection import find_engine
from tests.fakes.variants import HEIGHT, WIDTH

from .bench import build

#: Release, compute capability, and what INT8 is built from there; None where the GPU has none.
MACHINES = (('8.0.1', 53, None), ('8.2.1', 53, None), ('8.5.2', 72, 'fp32'), ('8.6.1', 87, 'fp32'),
            ('10.3.0', 87, 'fp32'), ('11.4.0', 90, 'int8-qdq'))
#: The same with the way to CUDA: a stock board has no pycuda.
RUNS = [machine + ('pycuda',) for machine in MACHINES] + [machine + ('driver',) for machine in MACHINES[1:5:3]]



def make_backend(bundle, found):
    variant = bundle.variants[found.record['variant']]
    backend = TensorRTBackend(found.plan, bundle.inputs, variant.outputs, found.key.precision, found.record)
    return backend if variant.answers else FromLogits(backend, bundle.outputs)


def refusal(store, bundle, precision):
    with pytest.raises(BackendError) as caught:
        find_engine(store, bundle, precision)
    assert '\n' not in caught.value.message.text
    return caught.value


@pytest.mark.parametrize('version, sm, int8, cuda', RUNS)
def test_every_release_builds_stores_loads_infers_and_refuses(tensorrt_double, bundle, store, version, sm, int8, cuda):
    tensorrt_double = functools.partial(tensorrt_double, cuda=cuda)
    double = tensorrt_double(version=version, sm=sm)
    precisions = ['fp32', 'fp16'] + ([] if int8 is None else ['int8'])

    # Build and store.
    for precision in precisions:
        compiled = build(bundle, store, precision)
        assert not compiled.reused and compiled.record['proof']['labels_agreement'] > 0.9
        assert compiled.record['key']['tensorrt'] == double.tensorrt.__version__
        assert compiled.record['key']['sm'] == sm
    assert double.builds == len(precisions) and len(store.list()) == len(precisions)
    if int8 is None:
        with pytest.raises(BackendError) as caught:
            build(bundle, store, 'int8')
        assert caught.value.code == 'precision-unsupported' and '--precision fp16' in caught.value.message.text

    # Load in a worker, prove, and infer on a frame that is not the golden one.
    frame = {'thermogram': np.random.RandomState(1).rand(1, 1, HEIGHT, WIDTH).astype(np.float32)}
    with OnnxRuntimeBackend(bundle.read_model(), bundle.inputs, bundle.outputs) as backend:
        expected = backend.infer(frame)
    for precision in precisions:
        found = find_engine(store, bundle, precision)
        assert found.notes == ()
        with Worker(lambda found=found: make_backend(bundle, found)) as worker:
            described = worker.describe()
            prove(bundle, worker.infer, found.record['proof_variant'])
            answer = worker.infer(frame)
        assert described['name'] == 'tensorrt' and described['precision'] == precision
        assert described['version'] == double.tensorrt.__version__ and described['engine'].startswith(found.name)
        least = {'fp32': 0.9999, 'fp16': 0.98, 'int8': 0.9}[precision]
        assert np.mean(answer['labels'] == expected['labels']) >= least
        assert answer['labels'].dtype == np.int32 and answer['labels'].max() == 7
        assert answer['finding'][0, 0] == pytest.approx(frame['thermogram'].mean(), abs=0.01)

    # Refuse: another release, another GPU, a changed plan, a truncated record.
    other = next(known for known, _, _ in MACHINES if known != version)
    elsewhere = tensorrt_double(version=other, sm=sm)
    error = refusal(store, bundle, 'fp16')
    assert error.code == 'engine-stale'
    assert 'built for %s, here %s' % (double.tensorrt.__version__, elsewhere.tensorrt.__version__) in error.message.text
    found = store.load(store.list()[0])
    with pytest.raises(BackendError) as caught:
        make_backend(bundle, found).activate()
    assert caught.value.code == 'engine-refused' and 'not compatible with this version' in caught.value.message.text

    tensorrt_double(version=version, sm=61)
    assert refusal(store, bundle, 'fp16').code == 'engine-foreign'
    with pytest.raises(BackendError) as caught:
        make_backend(bundle, found).activate()
    assert caught.value.code == 'engine-refused' and 'incompatible device' in caught.value.message.text

    tensorrt_double(version=version, sm=sm)
    fp16 = find_engine(store, bundle, 'fp16')
    with open(os.path.join(store.folder, fp16.record['plan']['file']), 'r+b') as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([fp16.plan[-1] ^ 1]))
    assert refusal(store, bundle, 'fp16').code == 'engine-tampered'
    record = os.path.join(store.folder, find_engine(store, bundle, 'fp32').name + '.engine.json')
    os.truncate(record, os.path.getsize(record) // 2)
    assert refusal(store, bundle, 'fp32').code == 'engine-unreadable'

    # Nothing is left on the fake GPU, and TensorRT never had to make a context of its own.
    assert double.leaks() == [] and not double.primary_used
