"""``thermoscreen bundle``: sign, verify and show bundles, and change the model of a station."""
import contextlib
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any, Dict, Iterator, NamedTuple, Optional

import click

from ..bundle import (
    Bundle,
    Trust,
    generate_key,
    load_key,
    open_bundle,
    read_golden,
    read_signature,
    sign_bundle,
)
from ..messages import OK, InputError, StorageError, printable, shown_size
from .operators import PAGES, ask_supervisor, by_option, open_station
from .options import json_option, load_settings, settings_option
from .verbs import Group

if TYPE_CHECKING:
    from ..model_change import Record, Site

_MAX_PASSPHRASE_BYTES = 1024

_passphrase_option = click.option('--passphrase-file', type=click.Path(), metavar='FILE',
                                  help='Its first line is the passphrase of the private key.')
_keys_option = click.option('--keys', type=click.Path(), metavar='DIR',
                            help='Folder of public keys (*.pub) in place of the setting trusted_keys.')
_to_option = click.option('--to', 'target', type=click.Path(), metavar='DIR',
                          help='Folder of the installed bundle. Default: that of the setting `bundle`.')
_unattended_option = click.option('--unattended', is_flag=True, help='Ask for no PIN and nothing else, as an installer '
                                  'does; the audit log says so.')


@click.group(cls=Group)
def bundle() -> None:
    """Sign, verify and show model bundles, and change the model of a station.

    \b
    Example:
      thermoscreen bundle verify /media/usb/phantom-fpn
      thermoscreen bundle install /media/usb/phantom-fpn --settings /etc/thermoscreen/settings.toml
    """


@bundle.command()
@click.option('--out', required=True, type=click.Path(), metavar='KEY',
              help='Private key to write, such as release.pem.')
@click.option('--passphrase', 'ask', is_flag=True, help='Ask for a passphrase, which encrypts the private key.')
@_passphrase_option
@click.option('--not-after', default='', metavar='YYYY-MM-DD',
              help='Last day on which bundles signed with it can be installed. Default: no end.')
def keygen(out: str, ask: bool, passphrase_file: Optional[str], not_after: str) -> None:
    """Create a key pair for signing bundles.

    KEY is the private key, readable by you alone; keep it off every device. The public key is written beside it as
    .pub and belongs in the folder that a device's setting trusted_keys names. Neither file is ever overwritten. A key
    that is no longer to be trusted goes into revoked.txt in that folder, by its id.

    \b
    Example:
      thermoscreen bundle keygen --out release.pem
      thermoscreen bundle keygen --out release.pem --not-after 2028-12-31
    """
    passphrase = _read_passphrase(passphrase_file) if passphrase_file else None
    if ask and passphrase is None:
        passphrase = click.prompt('Passphrase of the new key', hide_input=True, confirmation_prompt=True).encode()
    public, name = generate_key(out, passphrase, not_after)
    click.echo('Key %s: %s is private, keep it safe; %s is public.' % (name, printable(out), printable(public)))


@bundle.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@click.option('--key', required=True, type=click.Path(), metavar='KEY', help='Private key of `bundle keygen`.')
@_passphrase_option
def sign(folder: str, key: str, passphrase_file: Optional[str]) -> None:
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
    click.echo('%s is signed by key %s%s.' % (printable(folder), name, '' if changed else ' already'))


@bundle.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@_keys_option
@settings_option
@json_option
def verify(folder: str, keys: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Verify a bundle as the device does before it runs it.

    Signature, every hash, every network, the form of the golden pair. The keys are those that come with the program and
    those of --keys or of the settings. A bundle that is refused gives one line with the reason, and exit code 3.

    \b
    Example:
      thermoscreen bundle verify /media/usb/phantom-fpn
      thermoscreen bundle verify build/bundle --keys keys --json
    """
    trust = _trust(settings_path, keys)
    opened = open_bundle(folder, trust=trust)
    for network in opened.networks:
        read_golden(network)
    report = dict(_describe(opened), key_not_after=trust.not_after.get(opened.signed_by or ''))
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    signer = 'key %s' % report['key'] if report['key'] else 'nobody, which the settings allow'
    if report['key_not_after']:
        signer += ', whose bundles can be installed until %s' % report['key_not_after']
    click.echo(printable('%(id)s %(version)s (%(hash)s) is intact.' % report))
    click.echo('  signed by  %s' % signer)
    for line in _variant_lines(report):
        click.echo('  ' + printable(line))


@bundle.command()
@click.argument('url', metavar='URL')
@click.option('--out', type=click.Path(), metavar='DIR',
              help='Where the bundle goes. Default: the last name of URL, in this folder.')
@click.option('--ca', type=click.Path(), metavar='FILE',
              help="Certificates (PEM) of a hospital's own authority, in place of the system's.")
@_keys_option
@settings_option
@json_option
def fetch(url: str, out: Optional[str], ca: Optional[str], keys: Optional[str], settings_path: Optional[str],
          as_json: bool) -> None:
    """Fetch a signed bundle from a folder of an HTTPS server, or of a stick, and verify it.

    URL is the folder that holds manifest.json, signature.json and the files that the manifest lists. Only what a
    trusted key has signed is fetched at all, and DIR appears, or is replaced, once all of it is there and verified.
    After a line that was cut the same command goes on where it ended; where the bundle is there already, nothing is
    fetched. It is not installed: that is what `install` does, or the page.

    \b
    Example:
      thermoscreen bundle fetch https://files.example.org/thermoscreen/phantom-fpn
      thermoscreen bundle fetch file:///media/usb/phantom-fpn --out /var/lib/thermoscreen/fetched
    """
    from ..bundle.fetch import fetch_bundle
    folder = out or url.rstrip('/').rpartition('/')[2]
    done = fetch_bundle(url, folder, _trust(settings_path, keys), ca)
    report = dict(_describe(done.bundle), fetched_bytes=done.fetched_bytes, kept_bytes=done.kept_bytes)
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    click.echo(printable('%(id)s %(version)s (%(hash)s) is intact in %(folder)s.' % report))
    click.echo('  signed by  %s' % (report['key'] or 'nobody, which the settings allow'))
    click.echo('  fetched    %s' % (shown_size(done.fetched_bytes) if done.fetched_bytes else 'nothing: it was there')
               + (', after %s of an earlier attempt' % shown_size(done.kept_bytes) if done.kept_bytes else ''))
    click.echo(printable('Install it with: thermoscreen bundle install %s' % shlex.quote(folder)))


@bundle.command()
@click.argument('source', type=click.Path(), metavar='BUNDLE')
@_to_option
@click.option('--allow-older', is_flag=True, help='Install an older version than this station has had.')
@by_option
@_unattended_option
@_keys_option
@settings_option
def install(source: str, target: Optional[str], allow_older: bool, by: Optional[str], unattended: bool,
            keys: Optional[str], settings_path: Optional[str]) -> None:
    """Change the model: check a bundle, try it on this station, and put it in place.

    BUNDLE is a folder or a zip archive. Signature, manifest, every network and every hash are checked, before and after
    it is copied. A process of its own runs the golden pair on what will run the bundle here, then simulated patients,
    and says how it compares with the bundle of today. It takes the place in one step; whatever fails, including a full
    disk, leaves the one of today. That one is kept, and comes back by itself where the first starts or pictures fail.

    Where the station has operators it asks for the PIN of a supervisor and needs the service to be stopped; while it
    runs, its page does the same. Elsewhere a running service keeps its model until it is restarted. The audit log has
    a line of every attempt. An older version, also one with a name that is new here, needs --allow-older.

    \b
    Example:
      thermoscreen bundle install /media/usb/phantom-fpn --settings /etc/thermoscreen/settings.toml
      thermoscreen bundle install phantom-fpn.zip --to /var/lib/thermoscreen/bundle
    """
    with _station(settings_path, keys, target, by, unattended) as station:
        _change(station, source, allow_older)


@bundle.command()
@_to_option
@by_option
@_unattended_option
@_keys_option
@settings_option
def rollback(target: Optional[str], by: Optional[str], unattended: bool, keys: Optional[str],
             settings_path: Optional[str]) -> None:
    """Return to the bundle that the last change replaced; the one of today is kept in its place.

    It is checked and tried as by `install`.

    \b
    Example:
      thermoscreen bundle rollback --settings /etc/thermoscreen/settings.toml
    """
    with _station(settings_path, keys, target, by, unattended) as station:
        _change(station, None)


@bundle.command('list')
@_to_option
@_keys_option
@settings_option
@json_option
def list_command(target: Optional[str], keys: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """List the bundle that is installed, the one before it, and the changes of the model.

    \b
    Example:
      thermoscreen bundle list --settings /etc/thermoscreen/settings.toml
      thermoscreen bundle list --to /var/lib/thermoscreen/bundle --json
    """
    from ..model_change import Site, installed, spoken
    site = Site.from_settings(load_settings(settings_path, trusted_keys=keys), target=target or '')
    found = installed(site.target, site.trust)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    problem = found['problem']
    click.echo('installed  %s' % (printable('%(sentence)s [%(code)s]' % problem) if problem
                                  else spoken(found['installed'])))
    click.echo('before     %s' % (spoken(found['previous']) if found['previous'] else 'none'))
    for change in found['changes']:
        why = ': %(sentence)s [%(code)s]' % change if change['code'] else ''
        click.echo(printable('%s  %-11s  %s%s%s' % (change['utc'], change['outcome'], spoken(change['after']),
                                                    '  by ' + change['by'] if change['by'] else '', why)))


@bundle.command()
@click.argument('folder', type=click.Path(), metavar='BUNDLE')
@json_option
def show(folder: str, as_json: bool) -> None:
    """Show what a bundle states about itself, even one that must not be deployed.

    Every file is checked against the manifest. The signature is shown and not verified; that is what
    `thermoscreen bundle verify` does. --json adds the whole manifest.

    \b
    Example:
      thermoscreen bundle show service/bundles/phantom-fpn
    """
    opened = open_bundle(folder, study=True)
    signature = read_signature(folder)
    report = dict(_describe(opened), key=signature.key if signature else '')
    if as_json:
        click.echo(json.dumps(dict(report, verified=False, manifest=opened.manifest.raw), indent=1))
        return
    click.echo(printable('%(id)s %(version)s (%(hash)s)' % report))
    for line in _manifest_lines(opened.manifest.raw):
        click.echo('  ' + printable(line))
    for line in _variant_lines(report):
        click.echo('  ' + printable(line))
    click.echo('  signature  %s' % ('by key %s, not verified here' % report['key'] if report['key'] else 'none'))


class _Station(NamedTuple):
    """Where the model is changed, and by whom."""

    site: 'Site'
    by: str


@contextlib.contextmanager
def _station(settings_path: Optional[str], keys: Optional[str], target: Optional[str], by: Optional[str],
             unattended: bool) -> Iterator[_Station]:
    """The station of the settings, for a supervisor where it has operators.

    Raises:
        ThermoscreenError: ``audit-in-use`` while the service runs; a PIN that is wrong.
    """
    from ..clock import Clock
    from ..model_change import Site
    from ..operators import list_operators, places
    from .records import note
    settings = load_settings(settings_path, trusted_keys=keys)
    with contextlib.ExitStack() as held:
        def noted(event: str, by: str, **facts: Any) -> None:
            note(settings, event, **facts)

        record: 'Record' = noted
        who = ''
        if settings.exams_folder and list_operators(places(settings.exams_folder).operators):
            try:
                station = held.enter_context(open_station(settings.exams_folder, settings, Clock(), PAGES['model']))
            except StorageError as error:  # the service runs
                noted('model-refused', '', outcome='refused', code=error.code)
                raise
            record, who = station.audit.append, '' if unattended else ask_supervisor(station, by).id
        yield _Station(Site.from_settings(settings, record, target or ''), who)


def _change(station: _Station, source: Optional[str], allow_older: bool = False) -> None:
    from ..model_change import cancelled, prepare, spoken
    with prepare(station.site, source, station.by, allow_older) as prepared:
        for message in prepared.messages:
            click.echo(printable(message.text))
        warned = any(message.severity != OK for message in prepared.messages)
        if warned and sys.stdin.isatty() and not click.confirm('Install it all the same?'):
            raise cancelled()
        old = prepared.staged.old
        change = prepared.switch()
    click.echo(printable('%s is installed in %s%s. It runs once the service was started again.' % (
        spoken(change.after), station.site.target,
        ' in place of version %s' % old.manifest['version'] if old else '')))


def _trust(settings_path: Optional[str], keys: Optional[str]) -> Trust:
    return Trust.from_settings(load_settings(settings_path, trusted_keys=keys))


def _describe(opened: Bundle) -> Dict[str, Any]:
    """A bundle as JSON: identity, key, and variants with their golden tolerances.

    Those of a classifier that is a network of its own are under ``classifier``, beside the ``order``.
    """
    report = dict(opened.manifest.identity, folder=opened.folder, key=opened.signed_by, variants=_variants(opened))
    if opened.classifier is not None:
        report.update(order=opened.manifest.order, classifier=_variants(opened.classifier))
    return report


def _variants(network: Bundle) -> Dict[str, Any]:
    return {name: {'file': variant.file, 'precision': variant.precision, 'answers': variant.answers,
                   'sha256': network.sha256(name), 'golden': variant.golden}
            for name, variant in network.variants.items()}


def _variant_lines(report: Dict[str, Any]) -> Iterator[str]:
    """A line for every variant: name, file, and its tolerances for the golden pair."""
    networks = [('variant', report['variants'])]
    if 'classifier' in report:
        yield 'order      %s' % report['order']
        networks = [('segmenter', report['variants']), ('classifier', report['classifier'])]
    width = max(len(name) for name in report['variants'])
    for title, variants in networks:
        for name, variant in variants.items():
            golden = variant['golden']
            tolerances = ['labels %g %%' % (100 * golden['labels_agreement'])] if 'labels_agreement' in golden else []
            tolerances += ['%s %g' % (role, golden[role + '_tolerance']) for role in
                           ('confidence', 'finding', 'view', 'features') if role + '_tolerance' in golden]
            yield '%-10s %-*s  %s  %s; golden within %s' % (
                title, width, name, variant['sha256'][:12], 'answers' if variant['answers'] else 'logits',
                ', '.join(tolerances))


def _manifest_lines(manifest: Dict[str, Any]) -> Iterator[str]:
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


def _one_line(text: str) -> str:
    """Text of an unverified bundle, without line breaks or anything that controls a terminal."""
    return ''.join(letter if letter.isprintable() else '?' for letter in ' '.join(text.split()))


def _read_passphrase(path: str) -> bytes:
    try:
        with open(path, 'rb') as stream:
            line = stream.readline(_MAX_PASSPHRASE_BYTES).rstrip(b'\r\n')
    except OSError as error:
        raise InputError('passphrase-unreadable', '%s cannot be read.' % path, 'Name the file with the passphrase.',
                         detail=str(error))
    if not line:
        raise InputError('passphrase-empty', 'The first line of %s is empty.' % path, 'Write the passphrase there.')
    return line
