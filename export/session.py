"""ONNX files run on this machine."""
import onnxruntime

from service.messages import BackendError


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
                           'what this version does not have.' % onnxruntime.__version__, detail=str(error))


def run_session(session, feed):
    """Every output of one run: dict name -> array."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))
