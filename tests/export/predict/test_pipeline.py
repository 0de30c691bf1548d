"""The whole way of a frame: ranges, the processor's factor, and sums that hold."""
import json
from pathlib import Path

import pytest

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.predict import pipeline  # noqa: E402
from export.predict.latency import (  # noqa: E402
    SPREAD,
    Interval,
    by_kind,
    copy_ms,
    layer_rows,
    lower_limit_ms,
    predict,
)
from export.predict.pipeline import (  # noqa: E402
    PICTURE_STAGES,
    Range,
    frame_sizes,
    predict_pipeline,
    processor_ratio,
    processor_stages,
    unpinning_ms,
)
from export.targets import load_target  # noqa: E402

from .networks import SIZE, chain, fused  # noqa: E402

_PROCESSOR = json.loads((Path(pipeline.__file__).parent / 'data' / 'processor.json').read_text())


def test_ranges():
    assert Range(1, 4).middle == 2
    assert Range(1, 4).times(2) == Range(2, 8)
    assert Range(1, 4).plus(Range(1, 1), Range(0, 2)) == Range(2, 7)


def test_factor_comes_from_the_stated_ratios():
    ratios = (3897 / (5250 / 4), 10915 / 3730)
    assert processor_ratio() == Range(min(ratios), 2 * max(ratios))
    assert _PROCESSOR['published']['seven_zip_mips_4_cores'] == 5250 and 'assumed' in _PROCESSOR['vector_reason']


@pytest.mark.parametrize('frame', frame_sizes())
def test_stages_are_the_pcs_times_the_factor(frame):
    for stage, (found, measured) in processor_stages(frame).items():
        assert found == Range(measured * processor_ratio().low, measured * processor_ratio().high), stage
        assert measured > 0
    assert set(PICTURE_STAGES) < set(processor_stages(frame))


def test_larger_frames_cost_more():
    sums = [sum(measured for _, measured in processor_stages(frame).values()) for frame in frame_sizes()]
    assert sums == sorted(sums)


def test_unpinning_between_its_two_rates():
    assert unpinning_ms(2_000_000) == Range(1.0, 10.0)


def test_interval_by_hand():
    found = Interval.around(10.0, {'median_percent': 20.0, 'faster': 0.5, 'slower': 2.0})
    assert found.typical == pytest.approx((10 / 1.2, 12.5)) and found.outer == (5.0, 20.0)
    assert found.to_dict() == {'predicted': 10.0, 'typical': [8.333, 12.5], 'outer': [5.0, 20.0]}


@pytest.fixture(scope='module')
def network():
    return fused(chain(64, 64))


@pytest.fixture(scope='module')
def latency(network):
    return predict(network, 'fp16')


def test_a_total_is_the_sum_of_its_parts(latency):
    found = predict_pipeline(latency, 1_000_000, '320x240')
    stages = processor_stages('320x240')
    for picture in (False, True):
        low, middle, high = found.total(picture)
        inside = [one for stage, (one, _) in stages.items() if picture or stage not in PICTURE_STAGES]
        assert low == pytest.approx(latency.network_ms.outer[0] * SPREAD + sum(latency.copies_ms) + 0.5
                                    + sum(one.low for one in inside))
        assert high == pytest.approx(latency.network_ms.outer[1] * SPREAD + sum(latency.copies_ms) + 5.0
                                     + sum(one.high for one in inside))
        assert low < middle < high
    assert found.total(True)[1] > found.total(False)[1]


def test_copies_have_a_floor(network):
    assert copy_ms(network, network.inputs, 'h2d') == pytest.approx(4 * 64 * 64 * 64 / 10.08 / 1e6, rel=0.05)
    small = fused(chain())
    assert copy_ms(small, small.outputs, 'd2h') == pytest.approx(0.008)


def test_kinds_and_layers_add_up(network, latency):
    kinds, rows = by_kind(network, latency), layer_rows(network, latency)
    assert sum(took for _, _, took in kinds.values()) == pytest.approx(latency.gpu_ms)
    assert sum(row['ms'] for row in rows) == pytest.approx(latency.gpu_ms, rel=1e-3)
    assert {row['limit'] for row in rows} == {'arithmetic'}
    assert {row['limit'] for row in layer_rows(fused(chain(2, 4)), predict(fused(chain(2, 4)), 'fp16'))} == {'launch'}


def test_handing_over_may_be_what_takes_longest():
    found = predict(fused(chain(2, 4, steps=20)), 'fp32')
    assert found.network_ms.middle == found.enqueue_ms > found.gpu_ms


def test_twice_the_network_is_not_faster():
    one, two, wide, tall = (predict(fused(chain(*size)), 'fp16') for size in (
        (64, 64, 3), (64, 64, 6), (128, 64, 3), (64, 128, 3)))
    assert one.network_ms.middle < min(other.network_ms.middle for other in (two, wide, tall))
    assert one.build_s[1] < min(other.build_s[1] for other in (wide, tall))


def test_a_build_times_kernels_of_one_shape_once():
    short, long = (predict(fused(chain(64, 64, steps)), 'fp16').build_s for steps in (3, 9))
    assert short == long and short[0] < short[1] < short[2]


def test_lower_limit_by_hand():
    small = fused(chain(steps=1))
    limit_ms = lower_limit_ms(small, 'fp16', load_target('orin-nano'))
    assert limit_ms == pytest.approx((2 * 8 * 72 + 8 * SIZE) / 68.0 / 1e6)
    assert lower_limit_ms(small, 'fp16', load_target('xavier-nx')) is None
