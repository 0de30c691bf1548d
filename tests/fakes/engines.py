"""Engines for tests that need no TensorRT: a plan is any bytes, and a record says where they come from."""
from service.engines import EngineKey

FACTS = {'tensorrt': '8.2.1', 'sm': 53, 'board': 'Jetson Nano', 'power_mode': 'MAXN'}


def key(**changes):
    """A key of this machine (`FACTS`), with some fields changed."""
    return EngineKey(**dict({'onnx_sha256': 'ab' * 32, 'precision': 'fp16', 'flags': ('workspace=256',)}, **dict(
        FACTS, **changes)))


def record(**changes):
    """What is written beside a plan, but for what the store adds itself."""
    return dict({'bundle': {'id': 'tiny', 'version': '1.0.0', 'hash': 'cd' * 32}, 'variant': 'fp32',
                 'proof_variant': 'fp16', 'built_at': '2026-11-21T10:00:00Z', 'seconds': 1.5, 'workspace_mib': 256,
                 'tactic_sources': ['CUDNN'], 'warnings': [], 'low_memory': False,
                 'proof': {'labels_agreement': 1.0}, 'notes': [],
                 'latency_ms': {'n': 20, 'median': 1.0, 'p90': 1.1, 'worst': 2.0}}, **changes)


def make_plan(double, onnx):
    """A plan (bytes) of an ONNX file, built in FP32 by an installed double of TensorRT."""
    trt = double.tensorrt
    double.driver.init()
    context = double.driver.Device(0).make_context()
    try:
        return bytes(_build(trt, onnx))
    finally:
        context.pop()
        context.detach()


def _build(trt, onnx):
    logger = trt.Logger()
    builder = trt.Builder(logger)
    explicit = getattr(trt.NetworkDefinitionCreationFlag, 'EXPLICIT_BATCH', None)
    network = builder.create_network(0 if explicit is None else 1 << int(explicit))
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(onnx), parser.get_error(0)
    return builder.build_serialized_network(network, builder.create_builder_config())
