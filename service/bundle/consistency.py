"""What a manifest says in one place and denies in another."""
import numpy as np

from ..messages import BundleError
from .variants import LOGITS, PROMISES


def check_consistency(raw, name):
    """Refuse a manifest that is within the schema and contradicts itself.

    Args:
        raw (dict): the document.
        name (str): how messages call the file.
    Raises:
        BundleError: ``manifest-invalid``; ``finding-unsupported`` for a finding that is not one probability.
    """
    _check_finding(raw, name)
    _check_points(raw, name)
    for variant, entry in sorted(raw.get('variants', {}).items()):
        _check_variant(raw, variant, entry, name)
    _check_files(raw, name)


def _check_finding(raw, name):
    """Refuse a finding that is stated in one place and missing in another, or that is not one probability."""
    output = raw['outputs'].get('finding')
    if ('finding' in raw) != (output is not None):
        lacking, there = ('finding', 'outputs.finding') if output else ('outputs.finding', 'finding')
        raise BundleError('manifest-invalid', '%s contradicts itself: it has %s and no %s. A model that gives a '
                          'finding needs both, one that only marks regions neither; make the bundle again.'
                          % (name, there, lacking))
    if output is None:
        return
    if 'finding_tolerance' not in raw['golden']:
        raise BundleError('manifest-invalid', '%s has a finding and no golden.finding_tolerance to prove it '
                          'with; make the bundle again.' % name)
    values, classes = int(np.prod(output['shape'])), len(raw['finding']['classes'])
    if values != 1 or classes != 2:
        raise BundleError('finding-unsupported', '%s has a finding of %d values for %d classes; the service '
                          'shows one probability that tells two classes apart. Export the model with such a '
                          'finding, or without one.' % (name, values, classes))


def _check_points(raw, name):
    names = [point['name'] for point in raw.get('finding', {}).get('operating_points', ())]
    twice = sorted({entry for entry in names if names.count(entry) > 1})
    if twice:
        raise _contradiction(name, 'two operating points are called %s' % twice[0])


def _check_variant(raw, variant, entry, name):
    precision, answers = PROMISES[variant]
    if entry['precision'] != precision:
        raise _contradiction(name, 'variant %s is stated to have precision %s' % (variant, entry['precision']))
    if entry['answers'] != answers:
        raise _contradiction(name, 'variant %s is stated to give %s'
                             % (variant, 'labels' if entry['answers'] else 'logits'))
    if 'finding' in raw and 'finding_tolerance' not in entry['golden']:
        raise _contradiction(name, 'variant %s has no golden.finding_tolerance to prove its finding with' % variant)
    labels = raw['outputs']['labels']['shape']
    if not answers and len(labels) != 3:
        raise _contradiction(name, 'variant %s needs labels of three sides, not %s' % (variant, labels))
    if not answers and raw['outputs'].get('finding', {}).get('name') == LOGITS:
        raise _contradiction(name, 'variant %s and the finding both have an output called %s' % (variant, LOGITS))


def _check_files(raw, name):
    """Every file that has a part in the bundle is listed, and has one part alone."""
    parts = [('its model', raw['model']['file']), ('its golden', raw['golden']['file'])]
    parts += [('variant ' + variant, entry['file']) for variant, entry in sorted(raw.get('variants', {}).items())]
    if 'calibration' in raw:
        parts.append(('its calibration', raw['calibration']['file']))
    taken = {}
    for part, file in parts:
        if file not in raw['files']:
            raise BundleError('manifest-invalid', '%s names %s as %s but does not list it under files; make the '
                              'bundle again.' % (name, file, part))
        if file in taken:
            raise _contradiction(name, '%s is %s and %s' % (file, taken[file], part))
        taken[file] = part


def _contradiction(name, what):
    return BundleError('manifest-invalid', '%s contradicts itself: %s; make the bundle again.' % (name, what))
