"""Profiles and operator tables hold together, and hold what is known of the releases."""
import pytest

from export.targets import TARGETS, load_table, load_target
from export.targets.profile import FOLDER
from service.bundle.load import MAX_IR_VERSION, MAX_OPSET
from service.messages import InputError

#: Every kind of restriction that a rule reads; `operators/README.md` explains them.
KINDS = {'attribute_maximum', 'attribute_minimum', 'attributes', 'constant_inputs', 'cubic_rank', 'exact_types',
         'experimental', 'float_needs_constants', 'input_rank', 'inputs_at_least', 'inputs_at_most', 'k_below',
         'linear_rank', 'outputs_at_most', 'plain_equation', 'refused_attributes', 'spatial_rank', 'symmetric'}
TYPES = {'FP32', 'FP16', 'BF16', 'FP8', 'INT4', 'INT8', 'UINT8', 'INT32', 'INT64', 'BOOL'}
TABLES = sorted(path.stem for path in (FOLDER / 'operators').glob('*.json'))


def test_every_profile_is_listed_and_every_table_used():
    assert sorted(TARGETS) == sorted(path.stem for path in FOLDER.glob('*.json'))
    assert {load_target(name).table.tensorrt for name in TARGETS if load_target(name).table} == set(TABLES)


@pytest.mark.parametrize('name', TARGETS)
def test_a_profile_says_where_its_values_come_from(name):
    target = load_target(name)
    assert target.name == name and target.title and set(target.precisions) <= {'fp32', 'fp16', 'int8'}
    assert set(target.sources) >= {'versions', 'memory', 'opset', 'ir_version', 'precisions', 'io_types', 'peak'}
    assert all(words.endswith('.') for words in target.sources.values())
    assert (target.argmax_elements is None) == ('argmax_elements' not in target.sources)
    assert set(target.peak) == {'fp32_gflops', 'fp16_gflops', 'dram_gb_s'}
    assert {'FP32', 'INT32'} <= set(target.io_types), 'the service feeds float32 and reads int32'
    # What a bundle may hold runs on every target.
    assert target.opset >= MAX_OPSET and target.ir_version >= MAX_IR_VERSION


def test_the_nano():
    target = load_target('jetson-nano')
    assert (target.tensorrt, target.sm, target.opset, target.ir_version) == ('8.2', '5.3', 13, 7)
    assert target.precisions == ('fp32', 'fp16') and target.memory_bytes == 3956 * 2 ** 20
    assert target.peak == {'fp32_gflops': 235.9, 'fp16_gflops': 471.9, 'dram_gb_s': 25.6}


@pytest.mark.parametrize('name, tensorrt, sm, opset', [
    ('jetson-nano-8.0', '8.0', '5.3', 13), ('xavier-nx', '8.5', '7.2', 17), ('orin-nano-8.6', '8.6', '8.7', 17),
    ('orin-nano', '10.3', '8.7', 20), ('desktop', None, None, 26)])
def test_the_others(name, tensorrt, sm, opset):
    target = load_target(name)
    assert (target.tensorrt, target.sm, target.opset) == (tensorrt, sm, opset)
    assert ('int8' in target.precisions) == (sm != '5.3')
    assert (target.operators is None) == (name == 'desktop')


def test_borrowed_tables_say_so():
    assert 'those of 8.2' in load_target('jetson-nano-8.0').note
    assert 'TensorRT 10.1' in load_target('orin-nano').note


@pytest.mark.parametrize('release', TABLES)
def test_a_table_restricts_only_what_it_imports(release):
    table = load_table(release)
    assert set(table.restrictions) <= set(table.types)
    assert {kind for entry in table.restrictions.values() for kind in entry} <= KINDS
    assert {name for types in table.types.values() for name in types} <= TYPES
    assert all(table.types.values()) and 'onnx-tensorrt at ' in table.origin


@pytest.mark.parametrize('release, count', [('8.2', 130), ('8.5', 142), ('8.6', 145), ('10.3', 150)])
def test_each_release_imports_more(release, count):
    assert len(load_table(release).types) == count


@pytest.mark.parametrize('since, operators', [
    ('8.5', 'GridSample HardSwish MeanVarianceNormalization Mod NonZero OneHot RandomNormal RoiAlign Shrink Trilu Xor'),
    ('8.6', 'LayerNormalization GroupNormalization IsInf'), ('10.3', 'Gelu Mish DeformConv CastLike Hardmax')])
def test_what_came_with_a_release(since, operators):
    releases = ['8.2', '8.5', '8.6', '10.3']
    for release in releases:
        table = load_table(release)
        known = [name for name in operators.split() if name in table.types]
        assert known == (operators.split() if releases.index(release) >= releases.index(since) else [])


def test_an_unknown_target_is_one_line():
    with pytest.raises(InputError) as caught:
        load_target('toaster')
    assert caught.value.code == 'target-unknown' and 'jetson-nano' in caught.value.message.text


def test_a_restriction_that_is_none():
    assert load_target('jetson-nano').restriction('Relu', 'input_rank') is None
    assert load_target('desktop').restriction('Slice', 'constant_inputs', ()) == ()
