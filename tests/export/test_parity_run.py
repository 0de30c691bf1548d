"""Forms of a network are compared on the same frames, and judged."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
pytest.importorskip('onnx', reason='onnx is not installed here')

from export.half import make_fp16  # noqa: E402
from export.onnx_export import make_onnx  # noqa: E402
from export.parity_run import (  # noqa: E402
    IN_RUNTIME,
    compare_forms,
    half_form,
    judge_forms,
    onnx_form,
    torch_form,
    variant_forms,
    with_logits,
)
from export.variants import make_variants  # noqa: E402
from service.messages import BundleError  # noqa: E402

from .graphs import overflowing  # noqa: E402
from .test_deliverable import Finding  # noqa: E402
from .test_onnx_export import Small  # noqa: E402


def frames(count=3, height=48, width=64):
    random = np.random.RandomState(0)
    return [(random.rand(1, 1, height, width).astype(np.float32),
             random.randint(0, 8, (height, width)).astype(np.uint8)) for _ in range(count)]


def test_the_file_is_near_to_pytorch(small_network, small_model):
    logits = onnx_form('logits', 'fp32', make_variants(small_model)['fp32-logits'])
    form = with_logits(onnx_form('fp32', 'fp32', small_model), logits)
    parity = compare_forms(torch_form(small_network), [form], frames())['fp32']
    assert parity.frames == parity.labelled == 3
    assert max(parity.max_abs_error, parity.finding_error, parity.logits_error) < 1e-5
    judge_forms([form], {'fp32': parity})


def test_fp16_is_compared_twice_and_differs_a_little(small_model):
    forms = variant_forms(make_variants(small_model))
    assert [form.name for form in forms] == ['fp16', 'fp16' + IN_RUNTIME, 'fp32-logits', 'fp16-logits',
                                             'fp16-logits' + IN_RUNTIME]
    parities = compare_forms(onnx_form('fp32', 'fp32', small_model), forms, frames())
    assert 0 < parities['fp16'].max_abs_error < 0.01 and parities['fp16'].label_agreement > 0.99
    assert parities['fp32-logits'].max_abs_error < 1e-6 and parities['fp32-logits'].label_agreement == 1


def test_another_network_fails(small_model):
    torch.manual_seed(1)
    other = onnx_form('fp32', 'fp32', make_onnx(Small(), 48, 64).SerializeToString())
    parities = compare_forms(onnx_form('reference', 'fp32', small_model), [other], frames())
    with pytest.raises(BundleError, match='labels agree') as caught:
        judge_forms([other], parities)
    assert caught.value.code == 'parity-failed' and caught.value.exit_code == 3


def test_an_overflow_ends_the_comparison():
    form = half_form('fp16', make_fp16(overflowing()))
    with pytest.raises(BundleError) as caught:
        compare_forms(onnx_form('fp32', 'fp32', overflowing()), [form], [(np.ones((1, 1, 4, 4), np.float32), None)])
    assert caught.value.code == 'fp16-overflow'


@pytest.mark.parametrize('classes', [1, 3])
def test_without_regions_the_decision_is_compared(classes):
    torch.manual_seed(0)
    network = Finding(classes).eval()
    form = onnx_form('fp32', 'fp32', make_onnx(network, 16, 24).SerializeToString())
    pictures = [(tensor, None) for tensor, _ in frames(4, 16, 24)]
    parity = compare_forms(torch_form(network), [form], pictures)['fp32']
    assert parity.label_agreement == 1 and parity.finding_error < 1e-6 and parity.miou is None
    opposite = form._replace(answer=lambda tensor: {'finding': 1 - form.answer(tensor)['finding']})
    if classes == 1:
        assert compare_forms(form, [opposite], pictures)['fp32'].label_agreement == 0
