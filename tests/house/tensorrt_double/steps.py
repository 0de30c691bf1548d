"""The steps from an ONNX file to an answer, as a caller of TensorRT takes them."""
import contextlib

import numpy as np

from tests.fakes import onnx_builder

VERSIONS = ('8.0.1', '8.2.1', '8.5.2', '8.6.1', '10.3.0', '11.4.0')


def weighted_model(weights, bias=0.0):
    """One convolution of 1 x 1: output 0 is the input times weight 0 plus the bias, and so on."""
    weights = np.float32(weights)
    return onnx_builder.model(
        [onnx_builder.node('Conv', ['thermogram', 'w', 'b'], ['logits'])],
        [('thermogram', onnx_builder.FLOAT, (1, 1, 2, 3))],
        [('logits', onnx_builder.FLOAT, (1, len(weights), 2, 3))],
        [onnx_builder.tensor('w', weights.reshape(-1, 1, 1, 1)),
         onnx_builder.tensor('b', np.full(len(weights), bias, np.float32))])


def quantised_model():
    """A quantised and dequantised input."""
    return onnx_builder.model(
        [onnx_builder.node('QuantizeLinear', ['thermogram', 'scale', 'zero'], ['q']),
         onnx_builder.node('DequantizeLinear', ['q', 'scale', 'zero'], ['logits'])],
        [('thermogram', onnx_builder.FLOAT, (1, 1, 2, 3))], [('logits', onnx_builder.FLOAT, (1, 1, 2, 3))],
        [onnx_builder.tensor('scale', np.array([0.5], np.float32)),
         onnx_builder.tensor('zero', np.array([0], np.int8))])


def make_logger(trt):
    """A caller's own logger, which keeps (severity, text) in `said`."""
    class Log(trt.ILogger):
        def __init__(self):
            trt.ILogger.__init__(self)
            self.said = []

        def log(self, severity, msg):
            self.said.append((severity, msg))

    return Log()


@contextlib.contextmanager
def current_context(double):
    """A CUDA context current on this thread, and given back."""
    double.driver.init()
    context = double.driver.Device(0).make_context()
    try:
        yield context
    finally:
        context.pop()
        context.detach()


def parse(double, model, flags=None):
    """Builder, network and parser with a model parsed; AssertionError where the parser refuses it."""
    trt, logger = double.tensorrt, make_logger(double.tensorrt)
    builder = trt.Builder(logger)
    if flags is None:
        explicit = getattr(trt.NetworkDefinitionCreationFlag, 'EXPLICIT_BATCH', None)
        flags = 0 if explicit is None else 1 << int(explicit)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(model), [parser.get_error(index).desc() for index in range(parser.num_errors)]
    return builder, network, parser


def build(double, model, flags=(), calibrator=None, cache=None):
    """A plan (bytes) or None."""
    builder, network, _ = parse(double, model)
    config = builder.create_builder_config()
    for flag in flags:
        config.set_flag(getattr(double.tensorrt.BuilderFlag, flag))
    if calibrator is not None:
        config.int8_calibrator = calibrator
    if cache is not None:
        assert config.set_timing_cache(cache, False)
    memory = builder.build_serialized_network(network, config)
    return None if memory is None else bytes(memory)


def load(double, plan):
    """An engine or None."""
    trt = double.tensorrt
    return trt.Runtime(make_logger(trt)).deserialize_cuda_engine(plan)


class Buffers:
    """An execution context and host and device memory for every tensor of its engine, one input first."""

    def __init__(self, double, context):
        self.context, engine = context, context.engine
        self.trt, self.driver = double.tensorrt, double.driver
        named = hasattr(engine, 'num_io_tensors')
        self.names = [engine.get_tensor_name(index) if named else engine.get_binding_name(index)
                      for index in range(engine.num_io_tensors if named else engine.num_bindings)]
        shape, kind = ((engine.get_tensor_shape, engine.get_tensor_dtype) if named else
                       (engine.get_binding_shape, engine.get_binding_dtype))
        self.host = {name: self.driver.pagelocked_empty(tuple(shape(name)), self.trt.nptype(kind(name)))
                     for name in self.names}
        self.device = {name: self.driver.mem_alloc(array.nbytes) for name, array in self.host.items()}
        self.stream = self.driver.Stream()

    def start(self, frame):
        """Queue copy, run and copy; what the run's call said."""
        first, outputs = self.names[0], self.names[1:]
        self.host[first][...] = frame
        self.driver.memcpy_htod_async(self.device[first], self.host[first], self.stream)
        started = self.run(self.stream.handle)
        for name in outputs:
            self.driver.memcpy_dtoh_async(self.host[name], self.device[name], self.stream)
        return started

    def addresses(self):
        return [int(self.device[name]) for name in self.names]

    def run(self, handle):
        """Queue the run alone."""
        if not hasattr(self.context, 'execute_async_v3'):
            return self.context.execute_async_v2(self.addresses(), handle)
        for name, address in zip(self.names, self.addresses()):
            assert self.context.set_tensor_address(name, address)
        return self.context.execute_async_v3(handle)

    def answers(self):
        return {name: self.host[name].copy() for name in self.names[1:]}

    def free(self):
        self.device, self.host, self.context = {}, {}, None


@contextlib.contextmanager
def loaded(double, plan):
    """A plan's execution context with its buffers, in a CUDA context of their own that is given back."""
    with current_context(double):
        buffers = Buffers(double, load(double, plan).create_execution_context())
        try:
            yield buffers
        finally:
            buffers.free()


def infer(double, plan, frame):
    """Load a plan, run it once and give everything back; array per output."""
    with loaded(double, plan) as buffers:
        assert buffers.start(frame)
        buffers.stream.synchronize()
        return buffers.answers()
