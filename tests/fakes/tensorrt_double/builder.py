"""Builder: from a parsed network to a plan, with the callbacks and the messages of the real one.

Its texts are those of builder logs that people published: Q/DQ without INT8, NVIDIA/TensorRT issue 3157; no
implementation, issues 1766 and 3677; without scaling factors, issue 1827; INT8 on hardware without it, Paddle issue
22516; memory, ultralytics issue 14751; libraries and their memory, tensorrtx issue 1145, on a Nano.
"""
import os
import signal
import time

from .bindings import keep, make
from .config import NoScalesError, scales_from
from .engine import write_plan
from .onnx_file import open_session, round_weights, tensors_of, to_half, to_int8, with_outputs

#: What an aborted build printed on a Nano ([OnnxTensorrt671]).
_TOO_LONG = ('../builder/cudnnBuilderUtils.cpp (427) - Cuda Error in findFastestTactic: 702 (the launch timed out and '
             'was terminated)')
_ABORTED = (_TOO_LONG + '\n../rtSafe/safeRuntime.cpp (32) - Cuda Error in free: 702 (the launch timed out and was '
            "terminated)\nterminate called after throwing an instance of 'nvinfer1::CudaError'\n"
            '  what():  std::exception\n')

_PLACE = 'builder.cpp::buildSerializedNetwork::609'


@keep('max_batch_size', 'error_recorder', 'max_threads')
class Builder:
    """Builds engines for the fake device."""

    def __init__(self, logger):
        self._voice = self._lib.voice(logger)
        self._lib.need_device(self._voice)
        self._plain = {'max_batch_size': 1, 'error_recorder': None, 'max_threads': 4}
        self._ready = True

    def create_network(self, flags=0):
        return make(self._lib.classes['INetworkDefinition'], int(flags), self._voice)

    def create_builder_config(self):
        return make(self._lib.classes['IBuilderConfig'], self._voice)

    def create_optimization_profile(self):
        return make(self._lib.classes['IOptimizationProfile'])

    def get_plugin_registry(self):
        return make(self._lib.classes['IPluginRegistry'])

    def reset(self):
        """Nothing that a caller could see is kept between builds."""

    @property
    def platform_has_fast_fp16(self):
        return self._lib.board.fast_fp16

    @property
    def platform_has_fast_int8(self):
        return self._lib.board.fast_int8

    @property
    def platform_has_tf32(self):
        return self._lib.board.tf32

    @property
    def num_DLA_cores(self):  # noqa: N802, its name in tensorrt
        return 2 if self._lib.board.sm == 72 else 0

    @property
    def max_DLA_batch_size(self):  # noqa: N802
        return 4096

    @property
    def logger(self):
        return self._voice.logger

    def is_network_supported(self, network, config):
        return not self._objection(network, config, quiet=True)

    def build_serialized_network(self, network, config):
        plan = self._build(network, config)
        if plan is None:
            self._voice.failed(2, _PLACE, 'Assertion engine != nullptr failed. ')
            return None
        return make(self._lib.classes['IHostMemory'], plan)

    def build_engine(self, network, config):
        self._lib.deprecated('Use build_serialized_network instead.')
        return self._engine(network, config)

    def build_engine_with_config(self, network, config):
        return self._engine(network, config)

    def _engine(self, network, config):
        plan = self._build(network, config)
        runtime = self._lib.classes['Runtime'](self._voice.logger)
        return None if plan is None else runtime.deserialize_cuda_engine(plan)

    def _build(self, network, config):
        library, voice = self._lib, self._voice
        library.builds += 1
        library.home()
        if library.world.sticky:
            voice.failed(1, 'checkMacros.cpp::catchCudaError::272', library.world.sticky)
            return None
        if self._objection(network, config):
            return None
        flags = sorted(name for name in library.enums['BuilderFlag'].__members__ if config._wants(name))
        session, outputs = self._session(network)
        inputs, found = tensors_of(library, session)
        found = [spec for name in outputs for spec in found if spec[0] == name]
        self._say_memory(config, inputs, found)
        model = network._model
        if config._wants('INT8') and not _quantised(network):
            try:
                self._calibrate(network, config, session, inputs, found)
            except NoScalesError:
                voice.failed(4, 'standardEngineBuilder.cpp::initCalibrationParams::1402', 'Calibration failure '
                             'occurred with no scaling factors detected. This could be due to no int8 calibrator or '
                             'insufficient custom scales for network layers. Please see int8 sample to setup '
                             'calibration correctly.')
                return None
        if config._wants('INT8') and not _quantised(network) and library.board.fast_int8:
            model = round_weights(model, to_int8)
        elif config._wants('FP16'):
            model = round_weights(model, to_half)
        if not self._time_layers(network, config):
            return None
        shapes = {spec[0]: list(spec[1]) for spec in inputs}
        description = {
            'sm': library.board.sm, 'device': library.board.device, 'flags': flags, 'name': network._plain['name'],
            'inputs': [(name, shape, dtype._name) for name, shape, dtype in inputs],
            'outputs': [(name, shape, dtype._name) for name, shape, dtype in found],
            'layers': [node.name for node in network._nodes], 'sources': config._sources, 'shapes': shapes,
            'profiles': [{name: [list(shape) for shape in shapes] for name, shapes in profile._shapes.items()}
                         for profile in config._profiles],
            'verbosity': getattr(config._plain['profiling_verbosity'], '_name', None)}
        return write_plan(library.release, description, with_outputs(model, self._added(network)))

    def _added(self, network):
        known = {node.name for node in open_session(network._model).get_outputs()}
        return [tensor._name for tensor in network._outputs if tensor._name not in known]

    def _session(self, network):
        model = with_outputs(network._model, self._added(network))
        return open_session(model), [tensor._name for tensor in network._outputs]

    def _objection(self, network, config, quiet=False):
        """Why the network cannot be built (said, and returned as text), or nothing."""
        for holds, code, place, text in self._rules(network, config):
            if holds:
                if not quiet:
                    self._voice.failed(code, place, text)
                return text
        return ''

    def _rules(self, network, config):
        faults, board = self._lib.faults, self._lib.board
        operators = [node.operator for node in network._nodes]
        yield not network._outputs, 4, 'network.cpp::validate::2789', 'Network must have at least one output'
        yield (_quantised(network) and not board.fast_int8, 9, _PLACE, 'Networks with QuantizeLayer/DequantizeLayer '
               'layers require hardware with Int8 support.')
        yield (_quantised(network) and not network._strongly_typed and not config._wants('INT8'), 4,
               'network.cpp::validate::2634', 'Int8 precision has been set for a layer or layer output, but int8 is '
               'not configured in the builder')
        yield (any(-1 in list(tensor._shape) for tensor in network._inputs) and not config._profiles, 4,
               'network.cpp::validate::2965', 'Network has dynamic or shape inputs, but no optimization profile has '
               'been defined.')
        stuck = next((node.name for node in network._nodes if node.operator == 'ArgMax'), '')
        yield (faults.no_argmax and 'ArgMax' in operators, 10, 'optimizer.cpp::computeCosts::2011',
               'Could not find any implementation for node %s.' % stuck)
        yield (faults.build_fails, 10, 'optimizer.cpp::computeCosts::2011', 'Could not find any implementation for '
               'node {ForeignNode[%s]}.' % (network._nodes[-1].name if network._nodes else ''))

    def _calibrate(self, network, config, session, inputs, outputs):
        voice = self._voice
        if not self._lib.board.fast_int8:
            voice.warning('Int8 support requested on hardware without native Int8 support, performance will be '
                          'negatively affected.')
        if config._calibrator is None:
            voice.warning('Calibrator is not being used. Users must provide dynamic range for all tensors that are '
                          'not Int32 or Bool.')
            if not any(tensor._range for tensor in network._tensors.values()):
                raise NoScalesError()
            return
        scales = scales_from(self._lib, config._calibrator, session, inputs, outputs, voice)
        for name in sorted({name for node in network._nodes for name in node.outputs} - set(scales)):
            voice.warning('Missing scale and zero-point for tensor %s, expect fall back to non-int8 implementation '
                          'for any layer consuming or producing given tensor' % name)

    def _say_memory(self, config, inputs, outputs):
        voice, library = self._voice, self._lib
        free = max(library.world.free_bytes(), 0) >> 20
        voice.info('[MemUsageChange] Init CUDA: CPU +203, GPU +0, now: CPU 230, GPU %d (MiB)' % free)
        for name, mib in (('CUBLAS', 156), ('CUDNN', 240)):
            member = library.enums['TacticSource'].__members__.get(name)
            if member is not None and config._sources & 1 << int(member):
                voice.info('[MemUsageChange] Init %s: CPU +158, GPU +%d, now: CPU 388, GPU %d (MiB)'
                           % ({'CUBLAS': 'cuBLAS/cuBLASLt', 'CUDNN': 'cuDNN'}[name], mib, free))
        voice.info('Detected %d inputs and %d output network tensors.' % (len(inputs), len(outputs)))
        if config._wants('FP16') and not library.board.fast_fp16:
            voice.warning('Half2 support requested on hardware without native FP16 support, performance will be '
                          'negatively affected.')
        if not config._pools['WORKSPACE'] or library.faults.low_workspace:
            voice.info('Some tactics do not have sufficient workspace memory to run. Increasing workspace size may '
                       'increase performance, please check verbose output.')
        if library.faults.low_memory:
            voice.warning('Tactic Device request: 538MB Available: 166MB. Device memory is insufficient to use '
                          'tactic.')
            voice.warning('Skipping tactic 3 due to insuficient memory on requested size of 538 detected for '
                          'tactic 4.')

    def _end(self):
        """End the process, or the build, as the fault says."""
        library, ending = self._lib, self._lib.faults.ending
        if ending == 'abort':
            library.end(_ABORTED, os.abort)
        elif ending == 'kill':
            library.end('', lambda: os.kill(os.getpid(), signal.SIGKILL))
        elif ending == 'exit':
            library.end('', lambda: os._exit(3))
        library.world.fail('the launch timed out and was terminated')
        self._voice.error(_TOO_LONG)
        return False

    def _time_layers(self, network, config):
        """Time the layers that no cache knows; False where a progress monitor or an error of CUDA stopped it."""
        library, monitor = self._lib, config._plain['progress_monitor']
        cache = config._cache
        names = [node.name for node in network._nodes]
        library.timed = [name for name in names if cache is None or name not in cache._layers]
        pause = library.faults.slow_build / max(len(names), 1)
        if monitor:
            monitor.phase_start('Building Engine', None, len(names))
        for step, name in enumerate(names):
            self._voice.verbose('*************** Autotuning %s ***************' % name)
            operator = network._nodes[step].operator
            place = library.faults.ending_at
            if library.faults.ending and (place in ('', operator) or config._wants(place)):
                self._voice.verbose('Timing Runner: %s (%s)' % (name, {'ArgMax': 'TopK'}.get(operator, operator)))
                return self._end()
            if pause:
                self._voice.info('Timing layer %d of %d: %s' % (step + 1, len(names), name))
                time.sleep(pause)
            if monitor and not monitor.step_complete('Building Engine', step):
                self._voice.failed(2, _PLACE, 'Build was cancelled by the progress monitor.')
                return False
        if monitor:
            monitor.phase_finish('Building Engine')
        if cache is not None and not config._wants('DISABLE_TIMING_CACHE'):
            cache._layers.update(names)
        return True



def _quantised(network):
    return any(node.operator in ('QuantizeLinear', 'DequantizeLinear') for node in network._nodes)
