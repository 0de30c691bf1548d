"""What an export measured, as JSON and in a few lines."""
from service.bundle import BASE


def figures(package, folder):
    """Figures of a written package.

    Args:
        package (models.deliver.Package): as `models.exporting.build_bundle` gives it.
        folder (Path): where it was written.
    Returns:
        dict: JSON: ``bundle``, ``name``, ``version``, ``variants``: per name ``file``, ``bytes``, ``parity``,
        ``golden``.
    """
    document = package.document
    base = document['model']['file']
    variants = {BASE: {'file': base, 'bytes': len(package.files[base]), 'parity': document.get('parity', {}),
                       'golden': {name: value for name, value in document['golden'].items() if name != 'file'}}}
    for name, entry in document['variants'].items():
        variants[name] = {'file': entry['file'], 'bytes': len(package.files[entry['file']]),
                          'parity': entry['parity'], 'golden': entry['golden']}
    return {'bundle': str(folder), 'name': document['name'], 'version': document['version'], 'variants': variants}


def describe(package, folder):
    """The same in lines of text."""
    found = figures(package, folder)
    lines = ['%s %s -> %s (unsigned; thermoscreen bundle sign signs it)' % (found['name'], found['version'], folder)]
    for name, variant in found['variants'].items():
        lines.append('%-11s %-24s %6.1f MB' % (name, variant['file'], variant['bytes'] / 1e6))
        against = 'against %s' % variant['parity'].get('reference', '')
        lines += ['  %s, %s: %s' % (against, title, _said(parity))
                  for title, parity in variant['parity'].get('frames', {}).items()]
        weights = variant['parity'].get('weights', {})
        if weights.get('clipped'):
            lines.append('  %d of %d weights beyond 65504 were clipped' % (weights['clipped'], weights['count']))
    if not found['variants'][BASE]['parity']:
        lines.append('FP32 was not compared with PyTorch: a bundle without its weights.pt was given.')
    return lines


def _said(parity):
    said = '%.2f %% of the labels agree' % (100 * parity['label_agreement'])
    if 'miou_change' in parity:
        said += ', mIoU %.4f (%+.4f)' % (parity['miou'], parity['miou_change'])
    said += ', confidence off by up to %.2g' % parity['max_abs_error']
    for name, words in (('finding_error', 'finding'), ('logits_error', 'logits')):
        if name in parity:
            said += ', %s by %.2g' % (words, parity[name])
    return said
