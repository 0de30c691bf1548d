"""Which operators of a network are worth INT8, and which tensors share a range."""

#: Operators that compute in INT8 on every TensorRT from 8.0 on. Its operator table for 8.2 lists MatMul in floating
#: point only, and the Gemms of these networks are small heads.
WEIGHTED = ('Conv', 'ConvTranspose')

def weighted_nodes(model, keep_float=()):
    """Names of the nodes to quantise: convolutions with constant weights, without the first and the heads.

    The first reads the input itself, whose thousand levels would become 127. A head is the last convolution on the way
    to an output, such as that whose scores become labels, or that whose features the finding is judged by: its error
    meets nothing that could absorb it. Both are a small part of the work. Of the shipped network, with entropy ranges,
    the finding is off by up to 0.15 with all but the scores' head quantised and 0.03 so (200 phantoms).

    Args:
        model (onnx.ModelProto): its nodes are named.
        keep_float (iterable of str): further node names to leave in floating point.
    Returns:
        list of str: in the graph's order.
    """
    constant = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name for value in model.graph.input}
    spared = _heads(model, constant) | set(keep_float)
    return [node.name for node in model.graph.node
            if _is_weighted(node, constant) and node.input[0] not in inputs and node.name not in spared]


def relu_outputs(model, nodes):
    """Where a quantised operator feeds a ReLU alone: dict of its output to the ReLU's.

    Args:
        model (onnx.ModelProto): the network.
        nodes (list of str): names of the quantised nodes.
    """
    readers = _readers(model)
    outputs = {value.name for value in model.graph.output}
    found = {}
    for node in model.graph.node:
        if node.name in nodes and node.output[0] not in outputs:
            following = readers.get(node.output[0], [])
            if len(following) == 1 and following[0].op_type == 'Relu':
                found[node.output[0]] = following[0].output[0]
    return found


def _heads(model, constant):
    """Names of the convolutions from which an output is reached without another one."""
    makers = {name: node for node in model.graph.node for name in node.output}
    waiting = [value.name for value in model.graph.output]
    seen, heads = set(), set()
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if _is_weighted(node, constant):
            heads.add(node.name)
        else:
            waiting.extend(node.input)
    return heads


def _is_weighted(node, constant):
    return node.op_type in WEIGHTED and node.input[1] in constant


def _readers(model):
    readers = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers
