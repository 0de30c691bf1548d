"""Time of kernels: never shorter for more work, never longer in FP16, and by hand where one thing limits."""
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('onnx', reason='onnx is not installed: this is the device half')

from export.predict.kernel import KINDS, Kernel, merge_equal  # noqa: E402
from export.predict.latency import load_model  # noqa: E402
from export.predict.roofline import PEAK_FLOPS, Coefficients, Form, KernelArrays, kernel_times  # noqa: E402

_PLAIN = Coefficients(0.5, 1.6, 1.2, 10.0, 5.0, 2.0, 1.5, 3.0, winograd_channels=64.0)

_KERNELS = st.builds(
    lambda kind, inputs, outputs, rows, taps: Kernel(
        kind, 1, inputs * outputs * rows * taps, inputs * rows, inputs * outputs * taps, outputs * rows, inputs * taps,
        outputs, rows), st.sampled_from(KINDS), *(st.integers(1, 600) for _ in range(3)), st.sampled_from([1, 9]))


def _total(kernels, precision='fp32', model=None):
    model = model or load_model()
    return kernel_times(KernelArrays.of_kernels(kernels), model.coefficients, model.form, precision).total


def _plain(kernels, form, precision):
    return kernel_times(KernelArrays.of_kernels(kernels), _PLAIN, form, precision)


@given(_KERNELS)
def test_fp16_is_never_slower(kernel):
    assert _total([kernel], 'fp16') <= _total([kernel], 'fp32')


@given(_KERNELS, st.integers(2, 4))
def test_more_work_never_takes_less(kernel, times_as_much):
    wider = replace(kernel, macs=kernel.macs * times_as_much, write=kernel.write * times_as_much,
                    weights=kernel.weights * times_as_much, columns=kernel.columns * times_as_much)
    taller = replace(kernel, macs=kernel.macs * times_as_much, write=kernel.write * times_as_much,
                     read=kernel.read * times_as_much, rows=kernel.rows * times_as_much)
    for precision in ('fp32', 'fp16'):
        assert _total([kernel], precision) <= _total([wider], precision) + 1e-9
        assert _total([kernel], precision) <= _total([taller], precision) + 1e-9
        assert _total([kernel], precision) < _total([kernel, kernel], precision)


@given(st.lists(_KERNELS, min_size=1, max_size=6))
def test_putting_alike_kernels_together_changes_nothing(kernels):
    rows = [Kernel(*kernel.row()) for kernel in merge_equal(kernels + kernels)]
    assert _total(rows) == pytest.approx(2 * _total(kernels))


def test_a_convolution_by_hand():
    kernel = Kernel('conv', 3, 10 ** 9, 10, 10, 10, 64, 64, 100)
    plain = _plain([kernel], Form(1, False, True), 'fp32')
    assert plain.each[0] == pytest.approx(2e9 / (PEAK_FLOPS * 0.5) * 1e3 + 0.002)
    assert plain.total == pytest.approx(3 * plain.each[0])
    half = _plain([kernel], Form(128, False, True), 'fp16')
    assert half.arithmetic[0] == pytest.approx(2 * plain.arithmetic[0] / 1.6)


def test_winograd_saves_where_channels_are_many():
    narrow, wide = (Kernel('conv3', 1, 10 ** 9, 10, 10, 10, 9 * channels, channels, 100) for channels in (8, 512))
    for kernel in (narrow, wide):
        slow, fast = (_plain([kernel], Form(1, winograd, True), 'fp32').arithmetic[0]
                      for winograd in (False, True))
        channels = kernel.columns
        assert slow / fast == pytest.approx(1 + 1.25 * channels / (channels + 64))


def test_traffic_resize_and_suppression_by_hand():
    copy, depthwise, resize, nms = (Kernel(kind, 1, 0, 10 ** 6, 0, 10 ** 6) for kind in
                                    ('copy', 'depthwise', 'resize', 'nms'))
    found = _plain([copy, depthwise, resize, nms], Form(1, False, False), 'fp16').each - 0.002
    assert found == pytest.approx([4e6 / 10e9 * 1e3, 8e6 / 5e9 * 1e3, 1.5, 3.0])


def test_kernels_may_have_precisions_of_their_own():
    precisions = np.array(['fp32', 'fp16'])
    each = _plain([Kernel('copy', 1, 0, 10 ** 6, 0, 0)] * 2, Form(1, False, True), precisions).each - 0.002
    assert each[0] == pytest.approx(2 * each[1])


def _arithmetic(kernel, form, precision='fp16', **changes):
    return kernel_times(KernelArrays.of_kernels([kernel]), replace(_PLAIN, **changes), form, precision).arithmetic[0]


def test_tiles_of_pixels_are_computed_whole_but_not_for_a_vector():
    form = Form(1, False, True, rows=32)
    plain = Form(1, False, True)
    for rows, factor in ((49, 64 / 49), (64, 1.0), (1, 1.0)):
        kernel = Kernel('gemm', 1, 10 ** 9, 10, 10, 10, 64, 64, rows)
        assert _arithmetic(kernel, form) == pytest.approx(factor * _arithmetic(kernel, plain))


def test_every_1x1_may_gain_as_little_as_one_beside_a_depthwise():
    kernel = Kernel('pointwise', 1, 10 ** 9, 10, 10, 10, 64, 64, 100)
    slow, fast = (_arithmetic(kernel, Form(1, False, True, narrow_pointwise=narrow)) for narrow in (True, False))
    assert slow / fast == pytest.approx(1.6 / 1.2)


def test_a_sum_of_few_products_gains_less_from_fp16():
    form = Form(1, False, True, shallow=True)
    for depth, gain in ((20, 1.3), (60, 1.45)):
        kernel = Kernel('conv', 1, 10 ** 9, 10, 10, 10, depth, 64, 100)
        single, half = (_arithmetic(kernel, form, precision) for precision in ('fp32', 'fp16'))
        assert single / half == pytest.approx(gain)


def test_other_convolutions_may_have_an_efficiency_of_their_own():
    form = Form(1, False, True, strided=True)
    strided, plain = (_arithmetic(Kernel(kind, 1, 10 ** 9, 10, 10, 10, 64, 64, 100), form, strided_efficiency=0.8)
                      for kind in ('conv', 'conv3'))
    assert strided / plain == pytest.approx(1 / 0.8)


def test_depthwise_may_have_a_launch_and_arithmetic_of_its_own():
    depthwise = Kernel('depthwise', 1, 10 ** 9, 10, 10, 10, 9, 1, 100)
    form = Form(1, False, True, depthwise_launch=True, depthwise_arithmetic=True)
    each = _plain([depthwise, Kernel('copy', 1, 0, 10, 0, 10)], form, 'fp32').each
    assert each[0] == pytest.approx(2e9 / (PEAK_FLOPS * 0.1) * 1e3 + 0.010)
    assert each[1] == pytest.approx(0.002, rel=1e-2)
