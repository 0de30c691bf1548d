"""``thermoscreen certificate``: the certificate with which other machines may open the page."""
import json
from typing import Optional

import click

from ..certificate import Certificate, make_certificate, read_certificate, utc_now
from ..messages import SettingsError
from ..settings import Settings
from .options import json_option, load_settings, settings_option
from .records import note
from .verbs import Group


@click.group(cls=Group)
def certificate() -> None:
    """Make, renew and show the certificate with which other machines open the page.

    The settings open_at, station_names, certificate and certificate_key say where and for which names. SECURITY.md
    says what another machine may do.

    \b
    Example:
      thermoscreen certificate make --settings /etc/thermoscreen/settings.toml
      thermoscreen certificate show --settings /etc/thermoscreen/settings.toml
    """


@certificate.command()
@settings_option
@json_option
def make(settings_path: Optional[str], as_json: bool) -> None:
    """Make the station's own certificate, or renew it with the same key.

    Run it as the account of the service. The key stays, and with it the pin, unless its file is removed first. A
    service that runs uses the new certificate within an hour; by itself it renews one of its own that ends within 60
    days.

    \b
    Example:
      sudo -u thermoscreen thermoscreen certificate make --settings /etc/thermoscreen/settings.toml
    """
    settings = _named(settings_path)
    names = settings.names()
    if not names:
        raise SettingsError('open-without-name', 'This machine has no name under which others could open the page.',
                            'Set station_names.')
    made = make_certificate(settings.certificate, settings.certificate_key, names, utc_now())
    note(settings, 'certificate-made', sha256=made.fingerprint)
    _show(made, as_json)


@certificate.command()
@settings_option
@json_option
def show(settings_path: Optional[str], as_json: bool) -> None:
    """Show names, end, fingerprint and key pin of the certificate.

    Compare the fingerprint with what a browser shows before you trust it there.

    \b
    Example:
      thermoscreen certificate show --json --settings /etc/thermoscreen/settings.toml
    """
    _show(read_certificate(_named(settings_path).certificate), as_json)


def _named(settings_path: Optional[str]) -> Settings:
    settings = load_settings(settings_path)
    if not settings.certificate or not settings.certificate_key:
        raise SettingsError('certificate-unset', 'The settings name no certificate.',
                            'Set certificate and certificate_key under [web], and give the file with --settings.')
    return settings


def _show(found: Certificate, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
        return
    click.echo('Names        %s' % ', '.join(found.names))
    click.echo('Valid until  %s UTC' % found.ends.isoformat(' '))
    click.echo('SHA-256      %s' % found.fingerprint)
    click.echo('Key pin      %s' % found.pin)
    click.echo('Signed by    %s' % ('the station itself' if found.own else 'somebody else'))
