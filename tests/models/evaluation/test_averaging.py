"""Means over networks and mirror images: what they answer, and the table of gain and cost."""
import json

import numpy as np
import pytest

from models.evaluation.averaging import AveragingBackend, average, ways_of
from service.bundle import open_bundle
from service.messages import InputError
from service.regions import FLIPPED
from service.views import VIEWS
from tests.fakes import bundles, variants
from tests.fakes.onnx_builder import FLOAT, INT32, integer, ints, model, node, tensor

from .made_up import torso_collection
from .test_cli import evaluate  # noqa: F401

HEIGHT, WIDTH = bundles.HEIGHT, bundles.WIDTH
PICTURE = np.random.default_rng(5).random((1, 1, HEIGHT, WIDTH)).astype(np.float32)


def one_sided(path, seed):
    """A bundle whose regions, finding and view depend on where in the picture the heat is; unproven."""
    random = np.random.default_rng(seed)
    constants = [tensor('weight', random.normal(0, 3, (8, 1, 1, 3)).astype(np.float32)),
                 tensor('ramp', random.random((1, 1, HEIGHT, WIDTH)).astype(np.float32)),
                 tensor('signs', random.normal(0, 9, (1, len(VIEWS))).astype(np.float32))]
    mean = ints('axes', [2, 3]) + integer('keepdims', 0)
    network = model([
        node('Conv', ['thermogram', 'weight'], ['logits'], ints('pads', [0, 1, 0, 1])),
        node('Softmax', ['logits'], ['odds'], integer('axis', 1)),
        node('ReduceMax', ['odds'], ['confidence'], ints('axes', [1]) + integer('keepdims', 0)),
        node('ArgMax', ['logits'], ['index'], integer('axis', 1) + integer('keepdims', 0)),
        node('Cast', ['index'], ['labels'], integer('to', INT32)),
        node('Mul', ['thermogram', 'ramp'], ['heat']), node('ReduceMean', ['heat'], ['finding'], mean),
        node('Mul', ['finding', 'signs'], ['scores']), node('Softmax', ['scores'], ['view'], integer('axis', 1)),
    ], [('thermogram', FLOAT, PICTURE.shape)], [
        ('labels', INT32, (1, HEIGHT, WIDTH)), ('confidence', FLOAT, (1, HEIGHT, WIDTH)), ('finding', FLOAT, (1, 1)),
        ('view', FLOAT, (1, len(VIEWS)))], constants)
    contents = {'model.onnx': network, 'golden.npz': bundles.files()['golden.npz']}
    return open_bundle(bundles.write(path, bundles.with_views(VIEWS), contents))


def answer(members, mirrored, picture=PICTURE):
    with AveragingBackend(members, mirrored, 1) as backend:
        return backend.infer({'thermogram': picture})


def test_a_mirror_image_gives_the_mirrored_answer(tmp_path):
    """No network has a side left once its mirror image is averaged in: ids and side views are exchanged."""
    bundle = one_sided(tmp_path, 1)
    plain, mirrored = answer([bundle], True), answer([bundle], True, np.ascontiguousarray(PICTURE[..., ::-1]))
    assert np.array_equal(FLIPPED[mirrored['labels']][..., ::-1], plain['labels'])
    assert mirrored['confidence'][..., ::-1] == pytest.approx(plain['confidence'])
    assert mirrored['finding'] == pytest.approx(plain['finding'])
    exchanged = [VIEWS.index(view) for view in ('frontal', 'raised-arms', 'right-oblique', 'left-oblique',
                                                'right-lateral', 'left-lateral', 'none')]
    assert mirrored['view'][:, exchanged] == pytest.approx(plain['view'])
    assert not np.array_equal(answer([bundle], False)['labels'], plain['labels'])


def test_a_mean_is_that_of_the_probabilities(tmp_path):
    first, second = one_sided(tmp_path / 'a', 1), one_sided(tmp_path / 'b', 2)
    one, other, both = answer([first], False), answer([second], False), answer([first, second], False)
    for name in ('finding', 'view'):
        assert both[name] == pytest.approx((one[name] + other[name]) / 2)
    agreed = one['labels'] == other['labels']
    assert agreed.any() and np.array_equal(both['labels'][agreed], one['labels'][agreed])
    assert both['confidence'][agreed] == pytest.approx((one['confidence'] + other['confidence'])[agreed] / 2)
    assert np.array_equal(answer([first, first], False)['labels'], one['labels'])


def test_every_way_through_the_pipeline(tmp_path):
    folders = [variants.write_variants(tmp_path / name, names=()) for name in ('a', 'b')]
    ways = ways_of(folders, True)
    assert [way.name for way in ways] == [name % tuple(folders) for name in (
        '%s%.0s', '%.0s%s', '%s + %s', '%s%.0s, mirrored', '%.0s%s, mirrored', '%s + %s, mirrored')]
    rows = average(ways, torso_collection(4), (1,), rounds=100, threads=1)
    assert [row['passes'] for row in rows] == [1, 1, 2, 2, 2, 4] and all(row['n'] == 4 for row in rows)
    assert rows[1]['gain']['value'] == rows[2]['gain']['value'] == 0 and rows[0]['time_ratio'] == 1
    assert rows[0]['nano_ms'] < rows[2]['nano_ms'] < rows[5]['nano_ms']


def test_what_has_no_mean(tmp_path):
    constants = {'chain': 'plateau-1', 'constants': {'height': HEIGHT, 'width': WIDTH, 'plateau': 2.0}}
    one = bundles.write(tmp_path / 'a')
    for other, code in ((bundles.write(tmp_path / 'b', bundles.document(preprocess=constants)), 'average-other-input'),
                        (bundles.write_pair(tmp_path / 'c'), 'average-two-networks')):
        with pytest.raises(InputError) as caught:
            ways_of([one, other], False)
        assert caught.value.code == code


def test_the_table_of_the_report(evaluate, tmp_path):  # noqa: F811
    bundle = variants.write_variants(tmp_path / 'a', names=())
    result, out = evaluate('--flip', bundle=bundle, data=torso_collection(4))
    assert result.exit_code == 0, result.output
    ways = json.loads((out / 'report.json').read_text())['averaging']
    assert [way['name'] for way in ways] == [bundle, bundle + ', mirrored']
    for place in (result.output, (out / 'report.html').read_text()):
        assert 'gain of mIoU' in place and '/a, mirrored' in place and '%.1f' % ways[1]['nano_ms'] in place
