"""A trained network as a bundle: ONNX file, manifest, golden pair."""
import datetime

import onnxruntime

from export.onnx_export import INPUT, IR_VERSION, OPSET, OUTPUTS, export_onnx
from service import regions
from service.bundle import golden_thermogram, pack_golden, to_counts, write_bundle
from service.chains import get_chain
from service.simulator import make_phantom

from .architectures import count_cost

#: The golden thermogram: a phantom that no set of a recipe uses.
GOLDEN_SEED = 7

INTENDED_USE = (
    'Shows heat patterns of the breasts and marks seven regions in a frontal thermogram. Research and '
    'adjunct use only. Not for screening or diagnosis. Not a substitute for mammography. A normal result '
    'does not exclude cancer.')
TRAINING_DATA = (
    '%d simulated thermograms (service/simulator), no real patient. Recipe models/recipes/%s.toml, seed %d.')
MEANING = (
    'Probability of an abnormal left-right heat pattern as planted in simulated thermograms (vascular, focal '
    'or diffuse warming of one breast, or the faint signal of a simulated tumour). It is not a probability '
    'of disease: it has never been related to a diagnosis.')
LIMITS = (
    'Frontal views; side views give no usable regions.',
    'Arms raised is what most simulated patients do; lowered arms leave little armpit to find.',
    'Both breasts present: simulated patients have had no mastectomy.',
    'The finding cannot see the heat of most tumours, which is smaller than natural left-right differences.',
    'The finding does not tell a single warm patch from natural patches; it sees warm veins and one breast '
    'warmer than the other.',
)


def deliver(network, recipe, metrics, folder):
    """Export a network and write its bundle.

    Args:
        network (torch.nn.Module): as `export.onnx_export.Deliverable` takes it.
        recipe (Recipe): how it was trained.
        metrics (dict): what was measured; goes into the manifest, ``finding.threshold`` is used.
        folder (Path): bundle folder to write; its parent receives ``model.onnx`` on the way.

    Returns:
        service.bundle.Bundle: opened from disk.
    """
    onnx_path = folder.parent / 'model.onnx'
    parameters, gmac = count_cost(network, recipe.input.height, recipe.input.width)
    export_onnx(network, onnx_path, recipe.input.height, recipe.input.width)
    shapes = [[1, recipe.input.height, recipe.input.width]] * 2 + [[1, 1]]
    tensors = {name: {'name': name, 'shape': shape, 'dtype': dtype}
               for name, shape, dtype in zip(OUTPUTS, shapes, ('int32', 'float32', 'float32'))}
    threshold = metrics['finding']['threshold']
    document = {
        'schema': 1, 'name': 'phantom-unet', 'version': '0.1.0', 'created': datetime.date.today().isoformat(),
        'intended_use': INTENDED_USE,
        'training_data': TRAINING_DATA % (recipe.phantoms.train, recipe.name, recipe.seed),
        'limits': list(LIMITS),
        'model': {'file': 'model.onnx', 'opset': OPSET, 'ir_version': IR_VERSION, 'precision': 'fp32',
                  'parameters': parameters, 'gmac': round(gmac, 4)},
        'input': {'name': INPUT, 'shape': [1, 1, recipe.input.height, recipe.input.width], 'dtype': 'float32'},
        'outputs': tensors,
        # All constants, so that a later default changes nothing about this bundle.
        'preprocess': {'chain': recipe.input.chain,
                       'constants': get_chain(recipe.input.chain, recipe.chain_constants).constants},
        'regions': {'names': list(regions.REGIONS), 'sides': 'patient'},
        'finding': {
            'name': 'abnormal left-right heat pattern', 'classes': ['as expected', 'pattern differs'],
            'threshold': threshold, 'meaning': MEANING,
            'threshold_basis': 'Specificity %.0f %% on %d simulated thermograms that were not trained on.'
                               % (100 * recipe.finding.specificity, recipe.phantoms.val)},
        'golden': {'file': 'golden.npz', 'labels_agreement': 0.995, 'finding_tolerance': 0.02,
                   'confidence_tolerance': 0.05},
        'metrics': metrics,
    }
    files = {'model.onnx': onnx_path.read_bytes(), 'golden.npz': _golden(onnx_path, recipe)}
    return write_bundle(str(folder), document, files)


def _golden(onnx_path, recipe):
    celsius = make_phantom(GOLDEN_SEED, recipe.input.height, recipe.input.width, abnormal=True).celsius
    thermogram = golden_thermogram(to_counts(celsius))
    prepared = get_chain(recipe.input.chain, recipe.chain_constants).apply(thermogram)
    session = onnxruntime.InferenceSession(str(onnx_path), providers=['CPUExecutionProvider'])
    outputs = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {INPUT: prepared.tensor})))
    return pack_golden(celsius, outputs)
