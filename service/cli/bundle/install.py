"""``thermoscreen bundle install``: a bundle onto the device, whole and verified, or not at all."""
import click

from ...bundle import Trust, install_bundle
from ..options import load_settings, settings_option
from .verify import keys_option


@click.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@click.option('--to', 'target', required=True, type=click.Path(), metavar='DIR',
              help='Folder of the installed bundle; the setting `bundle` names it.')
@click.option('--allow-downgrade', is_flag=True, help='Replace a newer version by an older one.')
@keys_option
@settings_option
def install(folder, target, allow_downgrade, keys, settings_path):
    """Put a verified bundle in place of the one that is there.

    It is verified, copied beside DIR, verified again, and takes the place of DIR in one step. Whatever fails, also a
    full disk, leaves the bundle that is there. A running service goes on with its own copy until it is restarted.

    \b
    Example:
      thermoscreen bundle install /media/usb/phantom-unet --to /var/lib/thermoscreen/bundle
    """
    trust = Trust.from_settings(load_settings(settings_path, trusted_keys=keys))
    done = install_bundle(folder, target, trust, allow_downgrade)
    identity = done.bundle.manifest.identity
    click.echo('%s %s (%s) is installed in %s%s. Restart the service, then run thermoscreen doctor.'
               % (identity['id'], identity['version'], identity['hash'][:12], target,
                  ' in place of version %s' % done.replaced if done.replaced else ''))
