"""ONNX files as bytes: read with one clear line where they are damaged, run where they are whole."""
import onnx
import onnxruntime
from google.protobuf.message import DecodeError

from service.errors import BackendError, BundleError


def load_onnx(data):
    """A model of its bytes.

    Args:
        data (bytes): the whole file.
    Returns:
        onnx.ModelProto
    Raises:
        BundleError: ``onnx-unreadable``.
    """
    try:
        model = onnx.load_from_string(data)
    except DecodeError as error:
        raise _unreadable(str(error))
    # Bytes of something else, and a file cut between two fields, may pass for a message.
    if not model.graph.node or not model.graph.output or not model.opset_import:
        raise _unreadable('no nodes, no outputs or no opset')
    return model


def open_session(data, threads=1, optimise=True):
    """ONNX Runtime's CPU provider on a model.

    Args:
        data (bytes): the ONNX file.
        threads (int): of one run.
        optimise (bool): False runs the graph as it is written, node by node.
    Raises:
        BackendError: ``backend-load``.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(data, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # its exceptions have no common base
        raise BackendError('backend-load', 'ONNX Runtime %s cannot load the exported model; it is damaged, or uses '
                           'what this version does not have.' % onnxruntime.__version__, str(error))


def run_session(session, feed):
    """Every output of one run: dict name -> array."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))


def _unreadable(detail):
    return BundleError('onnx-unreadable', 'The ONNX file is damaged or not an ONNX file; export it again.', detail)
