"""``thermoscreen bundle``: sign, verify, install and show bundles."""
import click

from .install import install
from .keys import keygen, sign
from .show import show
from .verify import verify

__all__ = ['bundle', 'install', 'keygen', 'show', 'sign', 'verify']


@click.group()
def bundle():
    """Sign, verify, install and show model bundles.

    \b
    Example:
      thermoscreen bundle verify /media/usb/phantom-unet
      thermoscreen bundle install /media/usb/phantom-unet --to /var/lib/thermoscreen/bundle
    """


for verb in (keygen, sign, verify, install, show):
    bundle.add_command(verb)
