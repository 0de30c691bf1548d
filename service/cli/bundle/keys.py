"""``thermoscreen bundle keygen`` and ``sign``: where bundles are released."""
import sys

import click

from ...bundle import generate_key, load_key, sign_bundle
from ...messages import InputError

_MAX_PASSPHRASE_BYTES = 1024

passphrase_option = click.option('--passphrase-file', type=click.Path(), metavar='FILE',
                                 help='Its first line is the passphrase of the private key.')


@click.command()
@click.option('--out', required=True, type=click.Path(), metavar='KEY',
              help='Private key to write, such as release.pem.')
@click.option('--passphrase', 'ask', is_flag=True, help='Ask for a passphrase, which encrypts the private key.')
@passphrase_option
def keygen(out, ask, passphrase_file):
    """Make a key pair that signs bundles.

    KEY is the private key, readable by you alone; keep it off every device. The public key lies beside it as .pub: it
    goes into the folder that a device's setting trusted_keys names. Neither is ever overwritten.

    \b
    Example:
      thermoscreen bundle keygen --out release.pem
    """
    passphrase = _read_passphrase(passphrase_file) if passphrase_file else None
    if ask and passphrase is None:
        passphrase = click.prompt('Passphrase of the new key', hide_input=True, confirmation_prompt=True).encode()
    public, name = generate_key(out, passphrase)
    click.echo('Key %s: %s is private, keep it safe; %s is public.' % (name, out, public))


@click.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@click.option('--key', required=True, type=click.Path(), metavar='KEY', help='Private key of `bundle keygen`.')
@passphrase_option
def sign(folder, key, passphrase_file):
    """Sign a bundle.

    Every file of it is checked first. The signature is the file signature.json in the bundle; signing again with the
    same key changes nothing. An encrypted key asks for its passphrase.

    \b
    Example:
      thermoscreen bundle sign build/bundle --key release.pem
    """
    passphrase = _read_passphrase(passphrase_file) if passphrase_file else None
    try:
        private = load_key(key, passphrase)
    except InputError as error:
        if error.code != 'key-passphrase' or passphrase is not None or not sys.stdin.isatty():
            raise
        private = load_key(key, click.prompt('Passphrase of %s' % key, hide_input=True).encode())
    name, changed = sign_bundle(folder, private)
    click.echo('%s is signed by key %s%s.' % (folder, name, '' if changed else ' already'))


def _read_passphrase(path):
    try:
        with open(path, 'rb') as stream:
            line = stream.readline(_MAX_PASSPHRASE_BYTES).rstrip(b'\r\n')
    except OSError as error:
        raise InputError('passphrase-unreadable', '%s cannot be read; name the file with the passphrase.' % path,
                         detail=str(error))
    if not line:
        raise InputError('passphrase-empty', 'The first line of %s is empty; write the passphrase there.' % path)
    return line
