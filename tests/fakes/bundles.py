"""A small valid bundle to start from, and ways of spoiling it."""
import hashlib
import json
import os

import numpy as np

from service.bundle import golden_thermogram, pack_golden, to_counts
from service.chains import get_chain
from service.regions import REGIONS

from .onnx_builder import tiny_classifier, tiny_model

HEIGHT, WIDTH = 48, 64


def warm_square(height=96, width=128):
    """A frame with a warm square in a cool room, degrees Celsius."""
    celsius = np.full((height, width), 22.0)
    margin = width // 6
    celsius[height // 6:, margin:width - margin] = np.linspace(29, 34, width - 2 * margin)
    return celsius


def document(**changes):
    """The manifest of the small bundle, without its files."""
    return dict({
        'schema': 1,
        'name': 'tiny',
        'version': '1.0.0',
        'created': '2026-11-21',
        'intended_use': 'Tests.',
        'training_data': 'None: four fixed operators.',
        'limits': ['Finds nothing.'],
        'model': {'file': 'model.onnx', 'opset': 13, 'ir_version': 7, 'precision': 'fp32', 'parameters': 1,
                  'gmac': 0.001},
        'input': {'name': 'thermogram', 'shape': [1, 1, HEIGHT, WIDTH], 'dtype': 'float32'},
        'outputs': {
            'labels': {'name': 'labels', 'shape': [1, HEIGHT, WIDTH], 'dtype': 'int32'},
            'confidence': {'name': 'confidence', 'shape': [1, HEIGHT, WIDTH], 'dtype': 'float32'},
            'finding': {'name': 'finding', 'shape': [1, 1], 'dtype': 'float32'},
        },
        'preprocess': {'chain': 'plateau-1', 'constants': {'height': HEIGHT, 'width': WIDTH}},
        'regions': {'names': list(REGIONS), 'sides': 'patient'},
        'finding': {'name': 'abnormal left-right heat pattern', 'classes': ['usual', 'abnormal'], 'threshold': 0.5,
                    'threshold_basis': 'Set by hand.', 'meaning': 'Nothing.'},
        'golden': {'file': 'golden.npz', 'labels_agreement': 0.999, 'finding_tolerance': 0.001,
                   'confidence_tolerance': 0.001},
        'metrics': {},
    }, **changes)


def without_finding(**changes):
    """The manifest of a small bundle that only marks regions, without its files."""
    manifest = document(**changes)
    del manifest['finding'], manifest['outputs']['finding'], manifest['golden']['finding_tolerance']
    return manifest


def with_views(names=('frontal', 'none'), **changes):
    """The manifest of the small bundle with a network that tells views apart, without its files."""
    manifest = document(views={'names': list(names)}, **changes)
    manifest['outputs']['view'] = {'name': 'view', 'shape': [1, len(names)], 'dtype': 'float32'}
    manifest['golden']['view_tolerance'] = 0.001
    return manifest


def files(model=None, finding=True, views=False):
    """Contents of the small bundle: name to bytes; with views, those of `with_views`."""
    counts = to_counts(warm_square())
    tensor = get_chain('plateau-1', {'height': HEIGHT, 'width': WIDTH}).apply(golden_thermogram(counts)).tensor
    outputs = {'labels': (tensor[0] >= 1).astype(np.int32), 'confidence': tensor[0]}
    if finding:
        outputs['finding'] = tensor.mean(axis=(2, 3))
    if views:
        outputs['view'] = np.float32(outputs['finding'] * [[1, -1]] + [[0, 1]])
    return {'model.onnx': model or tiny_model(HEIGHT, WIDTH, finding=finding, views=views),
            'golden.npz': pack_golden(golden_thermogram(counts).pixels, outputs)}


def write(folder, manifest=None, contents=None):
    """Write a bundle folder without any check, so that tests can write wrong ones."""
    contents = contents or files()
    manifest = dict(manifest or document())
    manifest.setdefault('files', {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()})
    os.makedirs(str(folder), exist_ok=True)
    for name, data in contents.items():
        with open(os.path.join(str(folder), name), 'wb') as stream:
            stream.write(data)
    with open(os.path.join(str(folder), 'manifest.json'), 'w') as stream:
        json.dump(manifest, stream)
    return str(folder)


#: Of the classifier of `pair`, whose input is smaller than the segmenter's.
CLASSIFIER_HEIGHT, CLASSIFIER_WIDTH = 24, 32


def pair_document(order='classify-then-segment', **changes):
    """The manifest of a small bundle of two networks, without its files."""
    manifest = dict(without_finding(), order=order, finding=document()['finding'])
    manifest['classifier'] = {
        'model': dict(manifest['model'], file='classifier.onnx'),
        'input': {'name': 'thermogram', 'shape': [1, 1, CLASSIFIER_HEIGHT, CLASSIFIER_WIDTH], 'dtype': 'float32'},
        'outputs': {'finding': {'name': 'finding', 'shape': [1, 1], 'dtype': 'float32'}},
        'preprocess': {'chain': 'plateau-1',
                       'constants': {'height': CLASSIFIER_HEIGHT, 'width': CLASSIFIER_WIDTH}},
        'golden': {'file': 'classifier.golden.npz', 'finding_tolerance': 0.001},
    }
    return dict(manifest, **changes)


def pair_files(**contents):
    """Contents of the small bundle of two networks: name to bytes."""
    counts = to_counts(warm_square())
    chain = get_chain('plateau-1', {'height': CLASSIFIER_HEIGHT, 'width': CLASSIFIER_WIDTH})
    tensor = chain.apply(golden_thermogram(counts)).tensor
    golden = pack_golden(golden_thermogram(counts).pixels, {'finding': tensor.mean(axis=(2, 3))})
    return dict(files(finding=False), **dict({
        'classifier.onnx': tiny_classifier(CLASSIFIER_HEIGHT, CLASSIFIER_WIDTH),
        'classifier.golden.npz': golden}, **contents))


def write_pair(folder, manifest=None, contents=None):
    """Write a bundle folder of two networks, as `write` writes one."""
    return write(folder, manifest or pair_document(), contents or pair_files())
