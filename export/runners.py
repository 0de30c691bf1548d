"""One network run in every form on the same frames: PyTorch, ONNX Runtime, emulated FP16; compared and judged.

ONNX Runtime's CPU provider runs an FP16 file by casting to float32 around each operator, and removes casts between two
operators: numbers beyond 65504 pass where the device has infinity. `Fp16Emulation` therefore turns the FP16 file into a
graph of float32 operators with a cast to float16 and back after each, run without optimisation.

It still differs from a GPU: sums inside an operator are float32 here. TensorRT on SM 5.3 may sum in float16, and it
fuses operators, which rounds less often. The golden pair on the board has the last word.
"""
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from calibration.parity import FrameParity, Parity, compare_answers, gate, summarise
from service.bundle import PROMISES
from service.messages import BackendError, BundleError

from .check.graph import read_model
from .onnx_export import INPUT, answers_of, output_names

Arrays = Dict[str, np.ndarray]

#: Suffix of the name of an FP16 variant run by ONNX Runtime, which computes part of it in float32.
IN_RUNTIME = ' in ONNX Runtime'

#: Extra output of the emulation: sum of magnitudes of each rounded tensor, float32 K.
SUMS = 'magnitudes'
_ONE = SUMS + '/shape'

#: Operators that pass numbers through: what was rounded stays rounded.
_PASSES = frozenset((
    'Abs', 'Concat', 'DepthToSpace', 'Expand', 'Flatten', 'Gather', 'GlobalMaxPool', 'Identity', 'Max', 'MaxPool',
    'Min', 'Neg', 'Pad', 'ReduceMax', 'ReduceMin', 'Relu', 'Reshape', 'Slice', 'SpaceToDepth', 'Split', 'Squeeze',
    'Tile', 'Transpose', 'Unsqueeze', 'Where'))


# -- ONNX Runtime


def open_session(data: bytes, threads: int = 1, optimise: bool = True) -> onnxruntime.InferenceSession:
    """Open an ONNX file in ONNX Runtime's CPU provider.

    Args:
        data: the ONNX file.
        threads: of one run.
        optimise: False runs the graph as it is written, node by node.

    Raises:
        BackendError: ``backend-load``.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # Without VNNI the fast INT8 kernels saturate, and a variant that is right would be judged by wrong answers.
    options.add_session_config_entry('session.x64quantprecision', '1')
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(data, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # its exceptions have no common base
        raise BackendError('backend-load', 'ONNX Runtime %s cannot load the exported model; it is damaged, or uses '
                           'what this version does not have.' % onnxruntime.__version__, detail=str(error))


def run_session(session: onnxruntime.InferenceSession, feed: Arrays) -> Arrays:
    """Every output of one run, by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))


# -- emulated FP16


class Fp16Emulation:
    """An FP16 file run on this machine as a device with FP16 computes it.

    Args:
        model: as `export.variants.make_fp16` writes it.
        threads: of one run.

    Raises:
        InputError: ``onnx-unreadable``.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        graph, self._rounded = emulation_graph(read_model(model))
        self._session = open_session(graph.SerializeToString(), threads, optimise=False)

    def run(self, feed: Arrays) -> Arrays:
        """Outputs of one run, even where tensors overflow."""
        return self._run(feed)[0]

    def overflow(self, feed: Arrays) -> Optional[str]:
        """The first node that gives infinity or NaN, such as ``'Conv_012 (Conv, output t012)'``."""
        return self._first_overflow(self._run(feed)[1])

    def answer(self, feed: Arrays) -> Arrays:
        """Outputs of one run without overflow.

        Raises:
            BundleError: ``fp16-overflow``, with the first node that overflows.
        """
        outputs, sums = self._run(feed)
        node = self._first_overflow(sums)
        if node is not None:
            raise BundleError('fp16-overflow', 'In FP16 the network overflows first at node %s: numbers there leave '
                              '+-65504.' % node, 'Export with --no-fp16 and run FP32, or train with smaller '
                              'activations.', detail=node)
        return outputs

    def _run(self, feed: Arrays) -> Tuple[Arrays, np.ndarray]:
        outputs = run_session(self._session, feed)
        return outputs, outputs.pop(SUMS)

    def _first_overflow(self, sums: np.ndarray) -> Optional[str]:
        overflows = np.flatnonzero(~np.isfinite(sums))
        return self._rounded[overflows[0]] if len(overflows) else None


def emulation_graph(model: onnx.ModelProto) -> Tuple[onnx.ModelProto, List[str]]:
    """The evaluation graph of an FP16 model, which is changed.

    Returns:
        A model with float32 tensors and the extra output `SUMS`; descriptions of the rounded tensors in its order.
    """
    halves = _half_tensors(model)
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    nodes, rounded, sums = [], [], []
    for node in graph.node:
        _widen(node)
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name not in halves or node.op_type in _PASSES:
                continue
            node.output[place] = name + '/wide'
            nodes += [helper.make_node('Cast', [name + '/wide'], [name + '/half'], to=TensorProto.FLOAT16),
                      helper.make_node('Cast', [name + '/half'], [name], to=TensorProto.FLOAT),
                      helper.make_node('ReduceL1', [name], [name + '/sum'], keepdims=0),
                      helper.make_node('Reshape', [name + '/sum', _ONE], [name + '/item'])]
            rounded.append('%s (%s, output %s)' % (node.name, node.op_type, name))
            sums.append(name + '/item')
    nodes.append(helper.make_node('Concat', sums, [SUMS], axis=0))
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), _ONE))
    graph.output.append(helper.make_tensor_value_info(SUMS, TensorProto.FLOAT, [len(sums)]))
    del graph.value_info[:], graph.node[:]
    graph.node.extend(nodes)
    return model, rounded


def _half_tensors(model):
    """Names of the tensors between nodes that are float16."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return {info.name for info in graph.value_info if info.type.tensor_type.elem_type == TensorProto.FLOAT16}


def _widen(node):
    """Change float16 to float32 in the attributes of a node."""
    for attribute in node.attribute:
        if node.op_type == 'Cast' and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
        if attribute.HasField('t') and attribute.t.data_type == TensorProto.FLOAT16:
            attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(np.float32)))


# -- runners


class Runner(NamedTuple):
    """One way to compute a network.

    Attributes:
        name: ``'fp32'``, the name of a variant, or ``'fp16 in ONNX Runtime'``.
        precision: key of `calibration.parity.PARITY_LIMITS` that it is judged by.
        answer: float32 1xCxHxW to ``labels`` and ``confidence``, or ``logits``, and ``finding``.
    """

    name: str
    precision: str
    answer: Callable[[np.ndarray], Arrays]


def torch_runner(network: torch.nn.Module) -> Runner:
    """A PyTorch network, as for `DeployedNetwork`; it answers region logits as well."""
    network = network.eval()

    def answer(tensor: np.ndarray) -> Arrays:
        with torch.no_grad():
            logits = network(torch.from_numpy(tensor))
            answers = dict(zip(output_names(logits), answers_of(logits)))
        if logits[0] is not None:
            answers['logits'] = logits[0]
        return {name: value.numpy() for name, value in answers.items()}

    return Runner('PyTorch', 'fp32', answer)


def onnx_runner(name: str, precision: str, model: bytes, threads: int = 1) -> Runner:
    """An ONNX file in ONNX Runtime's CPU provider."""
    session = open_session(model, threads)
    return Runner(name, precision, lambda tensor: run_session(session, {INPUT: tensor}))


def fp16_runner(name: str, model: bytes, threads: int = 1) -> Runner:
    """An FP16 file as a device with FP16 computes it; a frame that overflows raises ``fp16-overflow``."""
    emulation = Fp16Emulation(model, threads)
    return Runner(name, 'fp16', lambda tensor: emulation.answer({INPUT: tensor}))


def variant_runners(variants: Mapping[str, bytes], threads: int = 1) -> List[Runner]:
    """Runners of a bundle's variants: FP16 both emulated and in ONNX Runtime, the others in ONNX Runtime.

    Args:
        variants: ONNX files by the name of the variant.
        threads: of each.
    """
    runners = []
    for name, model in variants.items():
        precision = PROMISES[name][0]
        if precision == 'fp16':
            runners.append(fp16_runner(name, model, threads))
            name += IN_RUNTIME
        runners.append(onnx_runner(name, precision, model, threads))
    return runners


def with_logits(runner: Runner, logits: Optional[Runner]) -> Runner:
    """A runner that adds the region logits of another one to its answers; unchanged for None."""
    if logits is None:
        return runner
    return runner._replace(answer=lambda tensor: dict(logits.answer(tensor), **runner.answer(tensor)))


def compare_runners(baseline: Runner, runners: Iterable[Runner],
                    frames: Iterable[Tuple[np.ndarray, Optional[np.ndarray]]]) -> Dict[str, Parity]:
    """Compare runners with a baseline frame by frame, without keeping answers.

    Args:
        baseline: what the others are compared with.
        runners: what is compared.
        frames: one or more of (float32 1xCxHxW, uint8 HxW true region ids or None).

    Returns:
        Parity by the name of the runner. For a network with a finding and no regions the decision counts as the label:
        one per frame.

    Raises:
        BundleError: ``fp16-overflow``.
    """
    runners = list(runners)
    compared: Dict[str, List[FrameParity]] = {runner.name: [] for runner in runners}
    for tensor, truth in frames:
        expected = with_decision(baseline.answer(tensor))
        for runner in runners:
            compared[runner.name].append(compare_answers(expected, with_decision(runner.answer(tensor)), truth))
    return {name: summarise(frame_parities) for name, frame_parities in compared.items()}


def check_parity(runners: Iterable[Runner], parities: Dict[str, Parity]) -> None:
    """Refuse runners whose answers differ too much from the baseline's.

    Raises:
        BundleError: ``parity-failed``.
    """
    for runner in runners:
        gate(parities[runner.name], runner.precision)


def with_decision(answer: Arrays) -> Arrays:
    """The answer of a network without regions with its decision and confidence; other answers unchanged."""
    if 'labels' in answer or 'logits' in answer:
        return answer
    odds = np.asarray(answer['finding'])
    odds = np.concatenate([1 - odds, odds], 1) if odds.shape[1] == 1 else odds
    return dict(answer, labels=odds.argmax(1), confidence=odds.max(1))
