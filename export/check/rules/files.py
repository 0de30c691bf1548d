"""The file itself: whole in one piece, no larger than a device takes."""
import onnx

from service.bundle.load import MAX_FILE_BYTES

from ..registry import rule


@rule('external-data')
def external_data(graph):
    """Weights in other files."""
    for name, tensor in sorted(graph.tensors.items()):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            readers = graph.users(name)
            yield (readers[0].where if readers else (name, 'Initializer'),
                   'The weights %s lie in another file, and the service takes a network as one file.' % name,
                   'Save it as one file: onnx.save(model, path) without save_as_external_data.')


@rule('size')
def size(graph):
    """More bytes than a bundle may have."""
    if graph.size > MAX_FILE_BYTES:
        yield (graph.whole, 'The file has %d bytes, and the service takes at most %d.' % (graph.size, MAX_FILE_BYTES),
               'Take a smaller network, or its fp16 variant.')
