"""``thermoscreen federate kits|harden|site|run``: the same rounds over a network, with NVFLARE."""
import shutil
import signal
from pathlib import Path
from typing import Optional, Tuple

import click

from service.bundle import load_key, sign_bundle
from service.durable import atomic_write_json, storage_error
from service.messages import InputError

from .kits import (
    LEAD,
    RUNS,
    SERVER,
    SHAPES,
    SITE,
    check_policies,
    harden,
    open_kit,
    own_settings,
    read_project,
)

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_START = click.option('--start', default='', metavar='RUN_OR_BUNDLE',
                      help='Weights to start from, a run folder or a bundle [default: random ones].')
_RECIPE = click.option('--recipe', default='federated', show_default=True, metavar='RECIPE',
                       help='Of the training in a round.')
_CHANGES = click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE',
                        help='Change a key of the recipe; repeatable.')
_DATA = click.option('--data', metavar='DIR', help='Thermograms of this clinic, some of them with labels; stays here.')
_THREADS = click.option('--threads', type=click.IntRange(min=1), metavar='N', help='CPU threads of the training.')


@click.command('kits')
@click.argument('project', type=_FILE)
@click.option('--out', required=True, type=_FOLDER, metavar='DIR', help='Receives a kit for everybody.')
@_START
@_RECIPE
@_CHANGES
def kits_command(project: Path, out: Path, start: str, recipe: str, changes: Tuple[str, ...]) -> None:
    """Make the kits of everybody in PROJECT, a TOML file, with identities and a policy that allows little.

    Run it on a machine without a network: DIR also gets the key that signs all identities. Carry each kit to its place.

    \b
    Example:
      thermoscreen federate kits project.toml --start service/bundles/phantom-fpn --out kits
    """
    from .ends import open_start
    from .guard import shapes_of
    from .nvflare_adapter import make_kits

    agreed = read_project(project)
    shapes = shapes_of(open_start(start, recipe, changes).arrays)
    for name, folder in make_kits(agreed, out).items():
        kind = SERVER if name == agreed.server else LEAD if name == agreed.lead else SITE
        kit = open_kit(folder, kind)
        harden(kit)
        if kind == SITE:
            atomic_write_json(folder / 'local' / SHAPES, shapes)
        click.echo('%-6s %-24s %s' % (kind, name, folder))
    click.echo('%s holds the key of all identities: keep it off the network.' % (out / agreed.name / 'state'))


@click.command('harden')
@click.argument('kit', type=_FOLDER)
@_DATA
@_THREADS
def harden_command(kit: Path, data: Optional[str], threads: Optional[int]) -> None:
    """Write the policy of KIT anew, that of a clinic or of the server.

    \b
    Example:
      thermoscreen federate harden north --data /data/thermograms
    """
    opened = open_kit(kit, SERVER if (kit / 'startup' / 'fed_server.json').is_file() else SITE)
    own = own_settings(opened)
    harden(opened, data or own['data'], threads or own['threads'])
    click.echo('%s allows what a federation needs and nothing more.' % opened.folder)


@click.command('site')
@click.argument('kit', type=_FOLDER)
@_DATA
@_THREADS
@click.option('--check', is_flag=True, help='Look at certificates, policy and server, and take no part.')
def site_command(kit: Path, data: Optional[str], threads: Optional[int], check: bool) -> None:
    """Take part as a clinic, with its KIT, until Ctrl-C.

    The data is named once and kept in the kit. Nothing leaves but weights, counts and scores.

    \b
    Example:
      thermoscreen federate site north --data /data/thermograms
    """
    from .launching import probe, run_site, tell_certificates

    opened = open_kit(kit, SITE)
    own = check_policies(opened)
    if data or threads:
        harden(opened, data or own['data'], threads or own['threads'])
        own = check_policies(opened)
    if not own['data']:
        raise InputError('site-without-data', 'The kit of %s does not say where its thermograms are.' % opened.name,
                         'Name them with --data.')
    if check:
        tell_certificates((opened,), click.echo)
        probe(opened)
        click.echo('The server at %s:%d takes %s.' % (opened.host, opened.port, opened.name))
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_site(opened, click.echo)
    except KeyboardInterrupt:
        click.echo('%s takes no part any more.' % opened.name)


@click.command('run')
@click.argument('project', type=_FILE)
@click.option('--server', required=True, type=_FOLDER, metavar='KIT', help='Kit of the server, on this machine.')
@click.option('--lead', required=True, type=_FOLDER, metavar='KIT', help='Kit of the lead, whose key signs the job.')
@click.option('--out', required=True, type=_FOLDER, metavar='DIR',
              help='Receives report.json, the audit chain, and trained/ with weights and bundle.')
@click.option('--key', type=click.Path(dir_okay=False), metavar='KEY',
              help='Sign the bundle with this private key (thermoscreen bundle keygen).')
@_START
@_RECIPE
@_CHANGES
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), metavar='N', help='CPU threads.')
def run_command(project: Path, server: Path, lead: Path, out: Path, key: Optional[str], start: str, recipe: str,
                changes: Tuple[str, ...], threads: int) -> None:
    """Run the rounds of PROJECT with the clinics that connect, and make a bundle of the outcome.

    It says when it will have ended at the latest, and at the end who was missing and why. After a kill, or when its
    time was over, the same command goes on after the last finished round.

    \b
    Example:
      thermoscreen federate run project.toml --server kits/breast/prod_00/fl.example.org \\
        --lead kits/breast/prod_00/lead@example.org --start service/bundles/phantom-fpn --key release.pem --out run
    """
    agreed, of_server, of_lead = read_project(project), open_kit(server, SERVER), open_kit(lead, LEAD)
    private = load_key(key) if key else None
    from .ends import finish, open_start, plan_of
    from .launching import DONE, report_lines, run_federation
    from .rounds import read_rounds

    begin = open_start(start, recipe, changes)
    try:
        plan = plan_of(begin, agreed.sites, **agreed.plan)
    except TypeError as error:
        raise InputError('project-invalid', '%s: [plan] needs rounds, and takes what a plan has.' % project,
                         'Correct the file.', detail=str(error))
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / 'job', ignore_errors=True)
    except OSError as error:
        raise storage_error(error, out)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = run_federation(agreed, of_server, of_lead, plan, begin.arrays, out, click.echo)
    atomic_write_json(out / 'report.json', run.report)
    for line in report_lines(run.report):
        click.echo(line)
    federation = read_rounds(of_server.folder / RUNS / agreed.name)
    if run.outcome != DONE or federation is None:
        raise InputError('run-' + run.outcome, 'There is no bundle: the run did not end as it should.',
                         'Look at %s and at the server\'s log.txt.' % (out / 'report.json'))
    bundle = finish(plan, federation, out / 'trained', begin.source, threads)
    click.echo('Bundle, proven: %s' % bundle.folder)
    if private is not None:
        click.echo('It is signed by key %s.' % sign_bundle(bundle.folder, private)[0])


COMMANDS = (kits_command, harden_command, site_command, run_command)
