"""Networks that break one rule each: (rule, target, node, operator, file)."""
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from tests.export.onnx_files import (
    BOOL,
    DOUBLE,
    FLOAT,
    HALF,
    INT32,
    INT64,
    PICTURE,
    UINT8,
    build,
    conv,
    node,
    pair,
    resize,
)

NANO, XAVIER, ORIN, DESKTOP = 'jetson-nano', 'xavier-nx', 'orin-nano', 'desktop'
_MAP = {'y': (FLOAT, PICTURE)}


def edited(data, change):
    """A file after a change to its message."""
    model = onnx.load_from_string(data)
    change(model)
    return model.SerializeToString()


def _external(model):
    weights = model.graph.initializer[0]
    weights.ClearField('raw_data')
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key='location', value='weights.bin')


def _function(model):
    model.functions.append(onnx.helper.make_function(
        'own', 'Twice', ['a'], ['b'], [node('Add', ['a', 'a'], ['b'])], [onnx.helper.make_opsetid('', 13)]))


def _sparse(model):
    dense = onnx.helper.make_tensor('values', FLOAT, [1], [1.0])
    places = onnx.helper.make_tensor('places', INT64, [1], [0])
    del model.graph.node[0].attribute[:]
    model.graph.node[0].attribute.append(onnx.helper.make_attribute(
        'sparse_value', onnx.helper.make_sparse_tensor(dense, places, [192])))


def _slice():
    """Slice along computed axes: they come in beside the picture."""
    return build([node('Slice', ['x', 'starts', 'ends', 'axes'], ['y'])], {'starts': [0], 'ends': [8]},
                 inputs={'x': (FLOAT, PICTURE), 'axes': (INT64, (1,))})


def clip(kind, low, high):
    """The picture in another type, clipped there."""
    values = onnx.helper.tensor_dtype_to_np_dtype(kind)
    return build([node('Cast', ['x'], ['c'], to=kind), node('Clip', ['c', 'low', 'high'], ['d']),
                  node('Cast', ['d'], ['y'], to=FLOAT)], {'low': values.type(low), 'high': values.type(high)})


def _int64_beyond():
    return build([node('Cast', ['x'], ['c'], to=INT64), node('Add', ['c', 'big'], ['d']),
                  node('Cast', ['d'], ['y'], to=FLOAT)], {'big': [2 ** 40]})


def _rank():
    shape = (1, 1, 1, 1, 1, 1, 2, 8, 12)
    return build([node('Reshape', ['x', 'nine'], ['n']), node('Reshape', ['n', 'four'], ['y'])],
                 {'nine': list(shape), 'four': list(PICTURE)})


def _bias():
    return build([node('DequantizeLinear', ['b', 's', 'z'], ['bias']), node('Add', ['x', 'bias'], ['y'])],
                 {'b': np.int32([7]), 's': np.float32(0.1), 'z': np.int32(0)})


def _loop():
    body = onnx.helper.make_graph(
        [onnx.helper.make_node('Identity', ['more'], ['again'], name='i'),
         onnx.helper.make_node('Relu', ['before'], ['after'], name='r')], 'body',
        [onnx.helper.make_tensor_value_info(*kind) for kind in (
            ('step', INT64, ()), ('more', BOOL, ()), ('before', FLOAT, PICTURE))],
        [onnx.helper.make_tensor_value_info(*kind) for kind in (('again', BOOL, ()), ('after', FLOAT, PICTURE))])
    return build([node('Loop', ['trips', 'go', 'x'], ['y'], body=body)],
                 {'trips': np.int64(3), 'go': np.array(True)})


def _nms():
    boxes, scores = (1, 6, 4), (1, 1, 6)
    return build([node('NonMaxSuppression', ['b', 's', 'limit'], ['y'])], {'limit': [2]},
                 inputs={'b': (FLOAT, boxes), 's': (FLOAT, scores)}, outputs={'y': (INT64, (2, 3))})


def argmax(shape):
    """Which channel is largest, of an input of that shape."""
    return build([node('ArgMax', ['x'], ['i'], axis=1, keepdims=0), node('Cast', ['i'], ['y'], to=INT32)],
                 inputs={'x': (FLOAT, shape)}, outputs={'y': (INT32, shape[:1] + shape[2:])})


def _shape(*shape):
    return build([node('Relu', ['x'], ['y'])], inputs={'x': (FLOAT, shape)}, outputs={'y': (FLOAT, shape)})


_NORMALISATION = {'scale': np.ones(12, np.float32), 'bias': np.zeros(12, np.float32)}
_GRID = {'x': (FLOAT, PICTURE), 'grid': (FLOAT, (1, 8, 12, 2))}
_CUBIC = resize({'scales': np.float32([1, 1, 2, 2])}, mode='cubic')

BREAKING = [
    ('external-data', NANO, 'the_conv', 'Conv', edited(conv(), _external)),
    ('opset', NANO, 'model', 'Model', build([node('Relu', ['x'], ['y'])], opset=14)),
    ('opset', ORIN, 'model', 'Model', build([node('Relu', ['x'], ['y'])], opset=21)),
    ('opset', NANO, 'model', 'Model', build([node('Own', ['x'], ['y'], domain='own')], opset=0, domains=['own'])),
    ('ir-version', NANO, 'model', 'Model', build([node('Relu', ['x'], ['y'])], ir_version=8)),
    ('domain', DESKTOP, 'the_fusedconv', 'com.microsoft::FusedConv',
     build([node('FusedConv', ['x'], ['y'], domain='com.microsoft')], domains=['com.microsoft'])),
    ('domain', NANO, 'Twice', 'Function', edited(conv(), _function)),
    ('domain-import', NANO, 'model', 'Model', build([node('Relu', ['x'], ['y'])], domains=['ai.onnx.ml'])),
    ('dynamic-shape', DESKTOP, 'x', 'Input', _shape('batch', 2, 8, 12)),
    ('dynamic-shape', NANO, 'y', 'Output', _shape(1, 2, None, 12)),
    ('batch', NANO, 'x', 'Input', _shape(4, 2, 8, 12)),
    ('rank', NANO, 'the_reshape', 'Reshape', _rank()),
    ('operator', NANO, 'the_gridsample', 'GridSample',
     build([node('GridSample', ['x', 'grid'], ['y'])], inputs=_GRID, opset=16)),
    ('operator', NANO, 'the_layernormalization', 'LayerNormalization',
     build([node('LayerNormalization', ['x', 'scale', 'bias'], ['y'])], _NORMALISATION, opset=17)),
    ('operator', XAVIER, 'the_layernormalization', 'LayerNormalization',
     build([node('LayerNormalization', ['x', 'scale', 'bias'], ['y'])], _NORMALISATION, opset=17)),
    ('operator', NANO, 'the_hardswish', 'HardSwish', build([node('HardSwish', ['x'], ['y'])], opset=14)),
    ('operator', NANO, 'the_mod', 'Mod', build([node('Mod', ['x', 'x'], ['y'], fmod=1)])),
    ('operator', ORIN, 'the_unique', 'Unique', build([node('Unique', ['x'], ['y'])], outputs={'y': (FLOAT, (192,))})),
    ('experimental', NANO, 'the_nonmaxsuppression', 'NonMaxSuppression', _nms()),
    ('control-flow', NANO, 'the_loop', 'Loop', _loop()),
    ('io-type', NANO, 'y', 'Output',
     build([node('Cast', ['x'], ['y'], to=INT64)], outputs={'y': (INT64, PICTURE)})),
    ('io-type', NANO, 'x', 'Input', build([node('Cast', ['x'], ['y'], to=FLOAT)], inputs={'x': (UINT8, PICTURE)})),
    ('io-type', NANO, 'y', 'Output',
     build([node('Cast', ['x'], ['y'], to=BOOL)], outputs={'y': (BOOL, PICTURE)})),
    ('io-type', ORIN, 'x', 'Input', build([node('Cast', ['x'], ['y'], to=FLOAT)], inputs={'x': (DOUBLE, PICTURE)})),
    ('type', NANO, 'the_clip', 'Clip', clip(INT64, 0, 5)),
    ('type', NANO, 'the_topk', 'TopK',
     build([node('TopK', ['x', 'k'], ['y', 'i'])], {'k': [3]}, inputs={'x': (INT32, PICTURE)},
           outputs={'y': (INT32, (1, 2, 8, 3))})),
    ('type', NANO, 'the_gather', 'Gather',
     build([node('Cast', ['x'], ['c'], to=BOOL), node('Gather', ['c', 'first'], ['d']),
            node('Cast', ['d'], ['y'], to=FLOAT)], {'first': [0]})),
    ('type', NANO, 'the_where', 'Where',
     build([node('Cast', ['x'], ['c'], to=BOOL), node('Where', ['c', 'c', 'c'], ['d']),
            node('Cast', ['d'], ['y'], to=FLOAT)])),
    ('type', NANO, 'the_resize', 'Resize',
     build([node('Resize', ['x', '', 'scales'], ['y'])], {'scales': np.float32([1, 1, 2, 2])},
           inputs={'x': (INT32, PICTURE)}, outputs={'y': (INT32, (1, 2, 16, 24))})),
    ('cast-type', NANO, 'the_cast', 'Cast',
     build([node('Cast', ['x'], ['c'], to=UINT8), node('Cast', ['c'], ['y'], to=FLOAT)])),
    ('int64-range', NANO, 'the_add', 'Add', _int64_beyond()),
    ('constant-input', NANO, 'the_slice', 'Slice', _slice()),
    ('constant-input', NANO, 'the_conv', 'Conv',
     build([node('Conv', ['x', 'w'], ['y'], pads=[1, 1, 1, 1])],
           inputs={'x': (FLOAT, PICTURE), 'w': (FLOAT, (2, 2, 3, 3))})),
    ('constant-input', NANO, 'the_convtranspose', 'ConvTranspose',
     build([node('Relu', ['b'], ['c']), node('ConvTranspose', ['x', 'w', 'c'], ['y'])],
           {'w': np.ones((2, 2, 1, 1), np.float32)}, inputs={'x': (FLOAT, PICTURE), 'b': (FLOAT, (2,))})),
    ('constant-input', NANO, 'the_clip', 'Clip',
     build([node('Clip', ['x', 'low'], ['y'])], inputs={'x': (FLOAT, PICTURE), 'low': (FLOAT, ())})),
    ('constant-input', NANO, 'the_topk', 'TopK',
     build([node('TopK', ['x', 'k'], ['y', 'i'])], inputs={'x': (FLOAT, PICTURE), 'k': (INT64, (1,))},
           outputs={'y': (FLOAT, (1, 2, 8, 3))})),
    ('constant-input', NANO, 'the_instancenormalization', 'InstanceNormalization',
     build([node('InstanceNormalization', ['x', 's', 's'], ['y'])],
           inputs={'x': (FLOAT, PICTURE), 's': (FLOAT, (2,))})),
    ('float-range', NANO, 'the_range', 'Range',
     build([node('Range', ['zero', 'end', 'one'], ['y'])], {'zero': np.float32(0), 'one': np.float32(1)},
           inputs={'end': (FLOAT, ())}, outputs={'y': (FLOAT, (4,))})),
    ('input-count', NANO, 'the_reducemean', 'ReduceMean',
     build([node('ReduceMean', ['x', 'axes'], ['y'])], {'axes': [2, 3]}, outputs={'y': (FLOAT, (1, 2, 1, 1))},
           opset=18)),
    ('input-count', XAVIER, 'the_quantizelinear', 'QuantizeLinear',
     build([node('QuantizeLinear', ['x', 's'], ['q']), node('DequantizeLinear', ['q', 's'], ['y'])],
           {'s': np.float32(0.5)})),
    ('output-count', NANO, 'the_maxpool', 'MaxPool',
     build([node('MaxPool', ['x'], ['y', 'places'], kernel_shape=[2, 2], strides=[2, 2])],
           outputs={'y': (FLOAT, (1, 2, 4, 6)), 'places': (INT64, (1, 2, 4, 6))})),
    ('input-rank', NANO, 'the_averagepool', 'AveragePool',
     build([node('AveragePool', ['x'], ['y'], kernel_shape=[1])], inputs={'x': (FLOAT, (1, 2, 8))},
           outputs={'y': (FLOAT, (1, 2, 8))})),
    ('attribute', NANO, 'the_resize', 'Resize', _CUBIC),
    ('attribute', NANO, 'the_resize', 'Resize',
     resize({'roi': np.float32([0, 0, 0, 0, 1, 1, 1, 1]), 'scales': np.float32([1, 1, 2, 2])},
            inputs=('x', 'roi', 'scales'), mode='linear', coordinate_transformation_mode='tf_crop_and_resize')),
    ('attribute', XAVIER, 'the_resize', 'Resize',
     resize({'scales': np.float32([1, 1, 2, 2])}, opset=18, mode='linear', antialias=1)),
    ('attribute', ORIN, 'the_pad', 'Pad',
     build([node('Pad', ['x', 'pads'], ['y'], mode='wrap')], {'pads': [0] * 8}, opset=19)),
    ('attribute-range', NANO, 'the_convtranspose', 'ConvTranspose',
     build([node('ConvTranspose', ['x', 'w'], ['y'], pads=[-1, -1, -1, -1])],
           {'w': np.ones((2, 2, 1, 1), np.float32)}, outputs={'y': (FLOAT, (1, 2, 10, 14))})),
    ('attribute-range', ORIN, 'the_maxpool', 'MaxPool',
     build([node('MaxPool', ['x'], ['y'], kernel_shape=[2, 2], dilations=[2, 2])],
           outputs={'y': (FLOAT, (1, 2, 6, 10))})),
    ('attribute-unread', NANO, 'the_split', 'Split',
     build([node('Split', ['x'], ['y', 'z'], num_outputs=2, axis=1)],
           outputs={'y': (FLOAT, (1, 1, 8, 12)), 'z': (FLOAT, (1, 1, 8, 12))}, opset=18)),
    ('attribute-unread', NANO, 'the_constant', 'Constant',
     edited(build([node('Constant', [], ['c'], value_float=1.0), node('Add', ['x', 'c'], ['y'])]), _sparse)),
    ('topk-size', ORIN, 'the_topk', 'TopK',
     build([node('TopK', ['x', 'k'], ['y', 'i'])], {'k': [3840]}, inputs={'x': (FLOAT, (1, 4000))},
           outputs={'y': (FLOAT, (1, 3840))})),
    ('einsum', NANO, 'the_einsum', 'Einsum', build([node('Einsum', ['x', 'x'], ['y'], equation='...,...->...')])),
    ('einsum', NANO, 'the_einsum', 'Einsum',
     build([node('Einsum', ['x'], ['y'], equation='aabc->abc')], inputs={'x': (FLOAT, (1, 1, 8, 12))},
           outputs={'y': (FLOAT, (1, 8, 12))})),
    ('einsum', NANO, 'the_einsum', 'Einsum',
     build([node('Einsum', ['x', 'w'], ['y'], equation='abcd,ab->abcd')], {'w': np.ones((1, 1), np.float32)})),
    ('resize-scales', NANO, 'the_resize', 'Resize',
     build([node('Resize', ['x', '', 'scales'], ['y'])], inputs={'x': (FLOAT, PICTURE), 'scales': (FLOAT, (4,))})),
    ('resize-dimensions', NANO, 'the_resize', 'Resize',
     resize({'scales': np.float32([2, 1, 1, 1])}, shape=(2, 2, 8, 12), mode='linear')),
    ('resize-dimensions', XAVIER, 'the_resize', 'Resize',
     resize({'sizes': [1, 4, 8, 12]}, inputs=('x', '', '', 'sizes'), shape=(1, 4, 8, 12), mode='cubic')),
    ('resize-rounding', NANO, 'the_resize', 'Resize',
     resize({'scales': np.float32([1, 1, 2, 2])}, coordinate_transformation_mode='tf_half_pixel_for_nn',
            nearest_mode='floor')),
    ('int8', NANO, 'the_quantizelinear', 'QuantizeLinear', pair()),
    ('int8', NANO, 'the_dequantizelinear', 'DequantizeLinear', pair()),
    ('zero-point', XAVIER, 'the_quantizelinear', 'QuantizeLinear', pair(zero=np.int8(3))),
    ('zero-point', ORIN, 'the_dequantizelinear', 'DequantizeLinear', pair(zero=np.uint8(0))),
    ('scale', XAVIER, 'the_quantizelinear', 'QuantizeLinear', pair(scale=-0.5)),
    ('scale', ORIN, 'the_dequantizelinear', 'DequantizeLinear',
     build([node('QuantizeLinear', ['x', 's', 'z'], ['q']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
           {'z': np.int8(0)}, inputs={'x': (FLOAT, PICTURE), 's': (FLOAT, ())})),
    ('quantised-bias', XAVIER, 'the_dequantizelinear', 'DequantizeLinear', _bias()),
    ('argmax', NANO, 'the_argmax', 'ArgMax', argmax((1, 8, 240, 320))),
    ('fp16-overflow', NANO, 'the_conv', 'Conv', conv(np.full((2, 2, 3, 3), 7e4, np.float32))),
    ('fp16-underflow', NANO, 'the_conv', 'Conv', conv(np.full((2, 2, 3, 3), 1e-9, np.float32))),
    ('fp16-underflow', NANO, 'the_add', 'Add',
     build([node('Cast', ['x'], ['c'], to=HALF), node('Add', ['c', 'epsilon'], ['d']),
            node('Cast', ['d'], ['y'], to=FLOAT)], {'epsilon': np.float16(1e-6)})),
    ('not-finite', XAVIER, 'the_conv', 'Conv', conv(bias=np.float32([0, np.nan]))),
    ('valid', DESKTOP, 'model', 'Model', build([node('Relu', ['nowhere'], ['y'])])),
]
