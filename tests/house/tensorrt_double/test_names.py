"""The doubles offer what the real bindings of a release have, and nothing else."""
import json
import warnings

import pytest

from tests.fakes.onnx_builder import tiny_model
from tests.fakes.tensorrt_double.release import FOLDER, PYTHON_MEMBERS, PYTHON_NAMES
from tests.fakes.trt_api import distil

from .steps import VERSIONS, build, current_context, load, parse

#: Names of pycuda 2022.1 that are functions and classes of `pycuda.driver` (its wrap_cudadrv.cpp and driver.py), as
#: far as a program that runs engines could want them.
PYCUDA_NAMES = set(
    'Context Device DeviceAllocation Error Event Function HostAllocation InOut In LaunchError LogicError MemoryError '
    'Out PagelockedHostAllocation RuntimeError Stream aligned_empty aligned_zeros ctx_flags device_attribute '
    'event_flags func_cache get_driver_version get_version host_alloc_flags init mem_alloc mem_alloc_pitch '
    'mem_get_info mem_host_register_flags memcpy_dtod memcpy_dtod_async memcpy_dtoh memcpy_dtoh_async memcpy_htod '
    'memcpy_htod_async memset_d8 pagelocked_empty pagelocked_empty_like pagelocked_zeros pagelocked_zeros_like '
    'register_host_memory'.split())
PYCUDA_MEMBERS = {
    'Context': 'attach detach disable_peer_access enable_peer_access get_api_version get_cache_config get_current '
               'get_device get_limit get_shared_config pop push set_cache_config set_limit set_shared_config '
               'synchronize',
    'Device': 'can_access_peer compute_capability count get_attribute make_context name pci_bus_id '
              'retain_primary_context total_memory get_attributes',
    'Stream': 'handle is_done synchronize wait_for_event',
    'Event': 'ipc_handle query record synchronize time_since time_till',
    'DeviceAllocation': 'as_buffer free',
}
#: Names that the lists of releases read off source miss: short names of the data types, and the logger's levels.
SHORT_TYPES = {'float32', 'float16', 'int8', 'int32', 'bool', 'uint8'}
LEVELS = {'ERROR', 'INFO', 'INTERNAL_ERROR', 'Severity', 'VERBOSE', 'WARNING'}


def listed(version):
    return json.loads((FOLDER / ('%s.json' % version)).read_text(encoding='utf-8'))


def allowed(data, name):
    """Members that the data file lists for a class, those of its bases among them, and the named additions."""
    if name not in data['classes']:
        assert name == 'ILogger'  # nested definitions hide it from the reader of the source
        return LEVELS | {'log'}
    entry = data['classes'][name]
    found = set(entry['members']) | set(PYTHON_MEMBERS.get(name, ()))
    if any(isinstance(what, int) for what in entry['members'].values()):
        found.add('name')  # pybind11's own, for every enum
    for base in entry['bases']:
        found |= allowed(data, base)
    if name == 'Logger':
        found |= LEVELS | {'log', 'min_severity'}
    return found | (LEVELS | {'log'} if name == 'ILogger' else set())


def public(thing):
    return {name for name in dir(thing) if not name.startswith('_')}


@pytest.mark.parametrize('version', VERSIONS)
def test_data_is_what_the_full_list_says(version):
    folder = distil.facts_folder()
    if folder is None:
        pytest.skip('the full lists of names are not on this machine')
    assert listed(version) == json.loads(distil.text(distil.distil(folder, version)))


def test_data_is_small():
    assert sum(path.stat().st_size for path in FOLDER.glob('*.json')) < 400000


@pytest.mark.parametrize('version', VERSIONS)
def test_module_has_no_other_name(tensorrt_double, version):
    trt, data = tensorrt_double(version).tensorrt, listed(version)
    known = set(data['classes']) | set(data['functions']) | set(data['values']) | set(PYTHON_NAMES) | {'ILogger'}
    known |= set() if data['values'] else SHORT_TYPES
    assert public(trt) | {'__version__'} <= known
    assert not hasattr(trt, 'IBuilder') and not hasattr(trt, 'Severity')


@pytest.mark.parametrize('version', VERSIONS)
def test_classes_have_the_release_s_members_and_no_other(tensorrt_double, version):
    trt, data = tensorrt_double(version).tensorrt, listed(version)
    everything = {}
    for other in VERSIONS:
        for name, entry in listed(other)['classes'].items():
            everything.setdefault(name, set()).update(key for key in entry['members'] if not key.startswith('_'))
    for name in public(trt) & set(everything):
        offered = allowed(data, name)
        kind = getattr(trt, name)
        for member in everything[name]:
            assert hasattr(kind, member) == (member in offered), (name, member)


@pytest.mark.parametrize('version', VERSIONS)
def test_objects_have_no_other_member(tensorrt_double, version):
    double = tensorrt_double(version, sm=72)
    data = listed(version)
    with current_context(double):
        builder, network, parser = parse(double, tiny_model())
        config = builder.create_builder_config()
        plan = build(double, tiny_model())
        engine = load(double, plan)
        context = engine.create_execution_context()
        things = [builder, network, parser, config, engine, context, network.get_input(0), network.get_layer(0),
                  config.create_timing_cache(b''), builder.create_optimization_profile(),
                  builder.build_serialized_network(network, config), double.tensorrt.Logger(),
                  double.tensorrt.DataType.FLOAT]
        for thing in things:
            name = type(thing).__name__
            shown = {member for member in public(thing) if _shows(thing, member)}
            assert shown <= allowed(data, name), name
        del context, engine, things, thing


def _shows(thing, member):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            getattr(thing, member)
    except AttributeError:
        return False
    except NotImplementedError:
        pass
    return True


def test_what_came_and_went(tensorrt_double):
    """A few of the differences by name, so that the data files themselves are checked against what is known."""
    trt = {version: tensorrt_double(version).tensorrt for version in VERSIONS}

    def having(question):
        return [version for version in VERSIONS if question(trt[version])]

    eights = ['8.0.1', '8.2.1', '8.5.2', '8.6.1']
    assert having(lambda t: hasattr(t.IBuilderConfig, 'max_workspace_size')) == eights
    assert having(lambda t: hasattr(t.ICudaEngine, 'num_bindings')) == eights
    assert having(lambda t: hasattr(t.Builder, 'build_engine')) == eights
    assert having(lambda t: hasattr(t.IExecutionContext, 'execute_async_v2')) == eights
    named = ['8.5.2', '8.6.1', '10.3.0', '11.4.0']
    assert having(lambda t: hasattr(t.ICudaEngine, 'num_io_tensors')) == named
    assert having(lambda t: hasattr(t.IExecutionContext, 'execute_async_v3')) == named
    assert having(lambda t: hasattr(t, 'MemoryPoolType')) == named
    before = eights + ['10.3.0']
    assert having(lambda t: hasattr(t, 'IInt8EntropyCalibrator2')) == before
    assert having(lambda t: hasattr(t.BuilderFlag, 'FP16')) == before
    assert having(lambda t: hasattr(t.NetworkDefinitionCreationFlag, 'EXPLICIT_BATCH')) == before
    assert having(lambda t: hasattr(t.Builder, 'platform_has_fast_int8')) == before
    assert having(lambda t: hasattr(t, 'EngineInspector')) == [version for version in VERSIONS if version != '8.0.1']


def test_nothing_unknown_can_be_set(tensorrt_double):
    double = tensorrt_double('10.3.0', sm=87)
    builder, network, _ = parse(double, tiny_model())
    config = builder.create_builder_config()
    for thing, name in ((config, 'max_workspace_size'), (config, 'workspace'), (builder, 'fp16_mode'),
                        (network, 'flavour')):
        with pytest.raises(AttributeError):
            setattr(thing, name, 1)
    with pytest.raises(AttributeError):
        network.num_inputs = 3


def test_what_the_double_lacks_is_seen_at_once(tensorrt_double):
    _, network, _ = parse(tensorrt_double(), tiny_model())
    with pytest.raises(NotImplementedError, match='INetworkDefinition.add_softmax'):
        network.add_softmax(network.get_input(0))


def test_classes_without_a_constructor(tensorrt_double):
    trt = tensorrt_double().tensorrt
    for name in ('ICudaEngine', 'IExecutionContext', 'IBuilderConfig', 'IHostMemory'):
        with pytest.raises(TypeError, match='No constructor'):
            getattr(trt, name)()


def test_enums_are_no_numbers(tensorrt_double):
    trt = tensorrt_double('8.2.1').tensorrt
    flag = trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH
    assert 1 << int(flag) == 1
    with pytest.raises(TypeError):
        1 << flag
    assert flag != 0 and flag == trt.NetworkDefinitionCreationFlag(0)
    assert str(trt.BuilderFlag.FP16) == 'BuilderFlag.FP16' and trt.BuilderFlag.FP16.name == 'FP16'
    assert int(trt.BuilderFlag.REJECT_EMPTY_ALGORITHMS) == 13
    assert trt.Logger.ERROR < trt.Logger.WARNING <= trt.ILogger.Severity.WARNING
    assert trt.float32 == trt.DataType.FLOAT and trt.float32.itemsize == 4
    assert int(tensorrt_double('10.3.0').tensorrt.BuilderFlag.REJECT_EMPTY_ALGORITHMS) == 12


def test_pycuda_has_no_other_name(tensorrt_double):
    driver = tensorrt_double().driver
    assert public(driver) <= PYCUDA_NAMES
    for name, members in PYCUDA_MEMBERS.items():
        shown = public(getattr(driver, name))
        assert shown <= set(members.split()), name


def test_version_of_the_module(tensorrt_double):
    assert [tensorrt_double(version).tensorrt.__version__ for version in VERSIONS] == [
        '8.0.1.6', '8.2.1.8', '8.5.2.2', '8.6.1', '10.3.0', '11.4.0']
