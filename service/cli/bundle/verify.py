"""``thermoscreen bundle verify``: whether this device would take a bundle."""
import json

import click

from ...bundle import Trust, open_bundle
from ..options import json_option, load_settings, settings_option

keys_option = click.option('--keys', type=click.Path(), metavar='DIR',
                           help='Folder of public keys (*.pub) in place of the setting trusted_keys.')


@click.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@keys_option
@settings_option
@json_option
def verify(folder, keys, settings_path, as_json):
    """Verify a bundle as the device does before it runs it.

    Signature, every hash, every network. The keys are those that the program came with and those of --keys or of the
    settings. A bundle that is refused is answered with one line that says why, and exit code 3.

    \b
    Example:
      thermoscreen bundle verify /media/usb/phantom-unet
      thermoscreen bundle verify build/bundle --keys keys --json
    """
    bundle = open_bundle(folder, trust=Trust.from_settings(load_settings(settings_path, trusted_keys=keys)))
    report = describe(bundle)
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    signer = 'key %s' % report['key'] if report['key'] else 'nobody, which the settings allow'
    click.echo('%(id)s %(version)s (%(hash)s) is whole.' % report)
    click.echo('  signed by  %s' % signer)
    for line in variant_lines(report):
        click.echo('  ' + line)


def describe(bundle):
    """What a verified bundle is, as JSON: identity, key and variants with their golden tolerances."""
    variants = {name: {'file': variant.file, 'precision': variant.precision, 'answers': variant.answers,
                       'sha256': bundle.sha256(name), 'golden': variant.golden}
                for name, variant in bundle.variants.items()}
    return dict(bundle.manifest.identity, folder=bundle.folder, key=bundle.signed_by, variants=variants)


def variant_lines(report):
    """One line for every variant of `describe`: name, file, and how near the golden pair it must come."""
    width = max(len(name) for name in report['variants'])
    for name, variant in report['variants'].items():
        golden = variant['golden']
        tolerances = ['labels %g %%' % (100 * golden['labels_agreement']),
                      'confidence %g' % golden['confidence_tolerance']]
        if 'finding_tolerance' in golden:
            tolerances.append('finding %g' % golden['finding_tolerance'])
        yield 'variant    %-*s  %s  %s; golden within %s' % (
            width, name, variant['sha256'][:12], 'answers' if variant['answers'] else 'logits', ', '.join(tolerances))
