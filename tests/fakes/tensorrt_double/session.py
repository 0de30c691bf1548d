"""What computes in the double: ONNX Runtime on one core."""
import numpy as np

_NUMPY = {'tensor(float)': 'float32', 'tensor(float16)': 'float16', 'tensor(int32)': 'int32', 'tensor(int64)': 'int64',
          'tensor(int8)': 'int8', 'tensor(uint8)': 'uint8', 'tensor(bool)': 'bool'}
_DATA_TYPE = {'float32': 'FLOAT', 'float16': 'HALF', 'int32': 'INT32', 'int64': 'INT64', 'int8': 'INT8',
              'uint8': 'UINT8', 'bool': 'BOOL'}


def open_session(model):
    """ONNX Runtime's session of a model (bytes)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])


def tensors_of(library, session):
    """Inputs and outputs of a session as (name, shape, DataType); -1 for an open side, None for a foreign type.

    Releases before 10 have no 64-bit integers and narrow them.
    """
    def spec(node):
        kind = _DATA_TYPE.get(_NUMPY.get(node.type))
        if kind == 'INT64' and library.release < (10,):
            kind = 'INT32'
        shape = tuple(side if isinstance(side, int) else -1 for side in node.shape)
        return node.name, shape, getattr(library.enums['DataType'], kind, None) if kind else None

    return [spec(node) for node in session.get_inputs()], [spec(node) for node in session.get_outputs()]


def numpy_type(dtype):
    """numpy dtype of a DataType."""
    return np.dtype({kind: name for name, kind in _DATA_TYPE.items()}[dtype._name])


def run(session, feed, wanted):
    """Run a session; values are turned into the types that it takes (dict name to array)."""
    types = {node.name: np.dtype(_NUMPY[node.type]) for node in session.get_inputs()}
    fed = {name: np.ascontiguousarray(array, types[name]) for name, array in feed.items()}
    return dict(zip(wanted, session.run(list(wanted), fed)))
