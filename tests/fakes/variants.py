"""A small bundle that holds every variant of one network, and the network in numpy.

`write_variants(folder)` gives a bundle whose fp32, fp16, int8-qdq, fp32-logits and fp16-logits files all run on ONNX
Runtime 1.10 and prove themselves with their own tolerances; the fp16 ones compute in float16, int8-qdq has
QuantizeLinear/DequantizeLinear pairs, and a TensorRT calibration cache lies beside them. It is unsigned:
`tests.fakes.signing` signs any bundle.

The network: logits of region k are 80 x k/7 - 40 (k/7)^2 for a pixel x in 0..1 (a 1x1 convolution), so that every
region has its band of grey levels; the finding is the input's mean.
"""
import copy
import struct

import numpy as np

from service.bundle import golden_thermogram, pack_golden, to_counts
from service.chains import get_chain
from service.regions import REGIONS

from . import bundles
from .onnx_builder import FLOAT, FLOAT16, INT32, integer, ints, model, node, tensor

HEIGHT, WIDTH = bundles.HEIGHT, bundles.WIDTH
NAMES = ('fp16', 'int8-qdq', 'fp32-logits', 'fp16-logits')

_STEPS = np.arange(len(REGIONS)) / (len(REGIONS) - 1.0)
WEIGHT = (80 * _STEPS).astype(np.float32).reshape(-1, 1, 1, 1)
BIAS = (-40 * _STEPS ** 2).astype(np.float32)

#: Steps of int8: of the input, which lies in 0..1, and of each region's weight (never 0, as TensorRT wants them).
INPUT_STEP = np.float32(1 / 127.0)
WEIGHT_STEP = np.maximum(WEIGHT.ravel() / 127, 1e-3).astype(np.float32)

#: What a real exporter would have measured; looser than what the tests measure, tighter than what proves nothing.
TOLERANCES = {'fp16': (0.98, 0.05, 0.01), 'int8-qdq': (0.9, 0.3, 0.05), 'fp32-logits': (0.999, 0.001, 0.001),
              'fp16-logits': (0.98, 0.05, 0.01)}


def logits_of(pixels):
    """Logits of the network, float32 1x8xHxW, for float32 1x1xHxW."""
    return (pixels * WEIGHT.reshape(1, -1, 1, 1) + BIAS.reshape(1, -1, 1, 1)).astype(np.float32)


def answers_of(pixels):
    """What the network answers: labels, confidence and finding as arrays."""
    logits = logits_of(pixels).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return {'labels': logits.argmax(axis=1).astype(np.int32),
            'confidence': (odds.max(axis=1) / odds.sum(axis=1)).astype(np.float32),
            'finding': pixels.mean(axis=(2, 3)).astype(np.float32)}


def network(name='fp32', height=HEIGHT, width=WIDTH, finding=True):
    """The ONNX file (bytes) of one variant."""
    half, answers = name.startswith('fp16'), not name.endswith('logits')
    kind = np.float16 if half else np.float32
    nodes, constants, pixels = [], [], 'thermogram'
    if half:
        nodes.append(node('Cast', ['thermogram'], ['half'], integer('to', FLOAT16)))
        pixels = 'half'
    if name == 'int8-qdq':
        pixels = _quantised(nodes, constants)
    else:
        constants.append(tensor('weight', WEIGHT.astype(kind)))
    constants.append(tensor('bias', BIAS.astype(kind)))
    raw = 'raw' if half or answers else 'logits'
    nodes.append(node('Conv', [pixels, 'weight', 'bias'], [raw]))
    if half:
        nodes.append(node('Cast', ['raw'], ['logits'], integer('to', FLOAT)))
    if answers:
        logits = 'logits' if half else raw
        nodes += [node('Softmax', [logits], ['odds'], integer('axis', 1)),
                  node('ReduceMax', ['odds'], ['confidence'], ints('axes', [1]) + integer('keepdims', 0)),
                  node('ArgMax', [logits], ['index'], integer('axis', 1) + integer('keepdims', 0)),
                  node('Cast', ['index'], ['labels'], integer('to', INT32))]
        outputs = [('labels', INT32, (1, height, width)), ('confidence', FLOAT, (1, height, width))]
    else:
        outputs = [('logits', FLOAT, (1, len(REGIONS), height, width))]
    if finding:
        nodes += [node('ReduceMean', ['thermogram'], ['mean'], ints('axes', [2, 3]) + integer('keepdims', 0)),
                  node('Identity', ['mean'], ['finding'])]
        outputs.append(('finding', FLOAT, (1, 1)))
    return model(nodes, [('thermogram', FLOAT, (1, 1, height, width))], outputs, constants)


def _quantised(nodes, constants):
    """Q/DQ pairs of the input and the weight, as TensorRT 8 takes them: symmetric, the weight per channel."""
    steps = WEIGHT_STEP.reshape(-1, 1, 1, 1)
    constants += [tensor('input_step', np.array(INPUT_STEP)), tensor('input_zero', np.array(0, np.int8)),
                  tensor('weight_int8', np.rint(WEIGHT / steps).astype(np.int8)),
                  tensor('weight_step', WEIGHT_STEP), tensor('weight_zero', np.zeros(len(WEIGHT_STEP), np.int8))]
    nodes += [node('QuantizeLinear', ['thermogram', 'input_step', 'input_zero'], ['levels']),
              node('DequantizeLinear', ['levels', 'input_step', 'input_zero'], ['pixels']),
              node('DequantizeLinear', ['weight_int8', 'weight_step', 'weight_zero'], ['weight'], integer('axis', 0))]
    return 'pixels'


def calibration_cache():
    """A TensorRT calibration cache (bytes): big-endian float32 of amax/127 in hexadecimal."""
    step = struct.pack('>f', INPUT_STEP).hex()
    return ('TRT-8201-EntropyCalibration2\nthermogram: %s\n' % step).encode()


def document(names=NAMES, finding=True, **changes):
    """The manifest of the bundle, without its files."""
    manifest = copy.deepcopy(bundles.document() if finding else bundles.without_finding())
    manifest['variants'] = {name: _entry(name, finding) for name in names}
    if 'int8-qdq' in names:
        manifest['calibration'] = {'file': 'calibration.cache', 'method': 'entropy', 'frames': 1,
                                   'data': 'The golden thermogram.'}
    return dict(manifest, name='variants', **changes)


def _entry(name, finding):
    labels, confidence, probability = TOLERANCES[name]
    golden = {'labels_agreement': labels, 'confidence_tolerance': confidence}
    if finding:
        golden['finding_tolerance'] = probability
    precision = {'int8-qdq': 'int8'}.get(name, name[:4])
    return {'file': 'model-%s.onnx' % name, 'precision': precision, 'answers': not name.endswith('logits'),
            'opset': 13, 'ir_version': 7, 'golden': golden, 'parity': {'label_agreement': 0.99}}


def files(names=NAMES, finding=True):
    """Contents of the bundle: name to bytes."""
    counts = to_counts(bundles.warm_square())
    pixels = get_chain('plateau-1', {'height': HEIGHT, 'width': WIDTH}).apply(golden_thermogram(counts)).tensor
    outputs = answers_of(pixels)
    if not finding:
        del outputs['finding']
    contents = {'model.onnx': network(finding=finding),
                'golden.npz': pack_golden(golden_thermogram(counts).pixels, outputs)}
    contents.update(('model-%s.onnx' % name, network(name, finding=finding)) for name in names)
    if 'int8-qdq' in names:
        contents['calibration.cache'] = calibration_cache()
    return contents


def write_variants(folder, names=NAMES, finding=True, **changes):
    """Write the bundle and return its folder; `changes` replace entries of the manifest."""
    return bundles.write(folder, document(names, finding, **changes), files(names, finding))
