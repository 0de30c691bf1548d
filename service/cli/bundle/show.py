"""``thermoscreen bundle show``: what a bundle says of itself."""
import json

import click

from ...bundle import open_bundle, read_signature
from ..options import json_option
from .verify import describe, variant_lines


@click.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@json_option
def show(folder, as_json):
    """Show what a bundle says of itself, also of one that must not be deployed.

    Every file is checked against the manifest. Whose signature it bears is printed and not verified; that is what
    `thermoscreen bundle verify` does. --json adds the whole manifest.

    \b
    Example:
      thermoscreen bundle show service/bundles/phantom-unet
    """
    bundle = open_bundle(folder, study=True)
    signature = read_signature(folder)
    report = dict(describe(bundle), key=signature.key if signature else '')
    if as_json:
        click.echo(json.dumps(dict(report, verified=False, manifest=bundle.manifest.raw), indent=1))
        return
    click.echo('%(id)s %(version)s (%(hash)s)' % report)
    for line in _lines(bundle.manifest.raw):
        click.echo('  ' + line)
    for line in variant_lines(report):
        click.echo('  ' + line)
    click.echo('  signature  %s' % ('by key %s, not verified here' % report['key'] if report['key'] else 'none'))


def _lines(manifest):
    yield 'use        %s' % _one_line(manifest['intended_use'])
    yield 'data       %s' % _one_line(manifest['training_data'])
    for limit in manifest['limits']:
        yield 'limit      %s' % _one_line(limit)
    if 'deployment' in manifest:
        yield 'refused    %s' % _one_line(manifest['deployment']['refused'])
    finding = manifest.get('finding')
    if finding:
        yield 'finding    %s, threshold %g at temperature %g' % (
            _one_line(finding['name']), finding['threshold'], finding.get('temperature', 1))
        for point in finding.get('operating_points', ()):
            yield 'point      %s: threshold %g, sensitivity %.3f, specificity %.3f, n = %d; %s' % (
                _one_line(point['name']), point['threshold'], point['sensitivity'], point['specificity'], point['n'],
                _one_line(point['basis']))
    if 'calibration' in manifest:
        yield 'calibrated %(method)s on %(frames)d frames: ' % manifest['calibration'] + _one_line(
            manifest['calibration']['data'])


def _one_line(text):
    """Text of a bundle that nobody has verified: no line breaks, and nothing that steers a terminal."""
    return ''.join(letter if letter.isprintable() else '?' for letter in ' '.join(text.split()))
