"""Bytes to an ONNX model, or one line that says that they are none."""
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from service.messages import InputError

STANDARD_DOMAINS = ('', 'ai.onnx')


def read_model(data, name='The file'):
    """Parse an ONNX file.

    Args:
        data (bytes): the whole file.
        name (str): what to call it in a message.

    Returns:
        onnx.ModelProto: with at least one node and one output.

    Raises:
        InputError: ``onnx-unreadable``: truncated, damaged or something else.
    """
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise _unreadable(name, 'it cannot be parsed', str(error))
    if not _readable(model):
        raise _unreadable(name, 'a name in it is no text')
    # A protocol buffer cut between two fields, and many a file that is none, parse well and hold too little.
    for lacking, there in (('an IR version', model.ir_version > 0), ('a node', len(model.graph.node)),
                           ('an output', len(model.graph.output)), ('an opset', len(model.opset_import))):
        if not there:
            raise _unreadable(name, 'it lacks %s' % lacking)
    return model


def opset_of(model):
    """Version of the standard operators that a model asks for (int); 0 where it names none."""
    return max((entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS), default=0)


def unreadable_tensor(name, detail):
    """The error for a tensor whose bytes are not what its type and shape promise."""
    return _unreadable('The file', 'the values of %s are not what its type and shape promise' % name, detail)


def _readable(message):
    """Whether every name in a message is text; protobuf hands on as bytes what is not."""
    for field, value in message.ListFields():
        parts = [value] if isinstance(value, (str, bytes, Message)) else value
        if field.type == FieldDescriptor.TYPE_STRING and any(isinstance(part, bytes) for part in parts):
            return False
        if field.type == FieldDescriptor.TYPE_MESSAGE and not all(map(_readable, parts)):
            return False
    return True


def _unreadable(name, why, detail=''):
    return InputError('onnx-unreadable', '%s is not a whole ONNX file: %s. Export it or copy it again.'
                      % (name, why), detail=detail)
