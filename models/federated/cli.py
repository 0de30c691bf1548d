"""``thermoscreen federate``: clinics train one network together, simulated on this machine or over a network."""
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import click

from service.bundle import load_key, sign_bundle
from service.durable import atomic_write, atomic_write_json, storage_error
from service.messages import InputError

from ..cli import FOLDER  # refuses where PyTorch is missing
from ..reports import to_json


def _mu(ctx: click.Context, option: click.Parameter, values: Tuple[float, ...]) -> Tuple[float, ...]:
    """Click's own range lets NaN pass."""
    if any(not 0 < value <= 1e6 for value in values) or len(set(values)) < len(values):
        raise click.BadParameter('different numbers above 0, such as 0.1')
    return values


@click.group('federate', invoke_without_command=True)
@click.option('--simulate', 'clinics', type=click.IntRange(2, 20), metavar='N',
              help='Simulate N clinics, 2 to 20, whose cameras and patients differ.')
@click.option('--out', type=FOLDER, metavar='DIR', help='Receives table, figure and figures as JSON, and all rounds.')
@click.option('--rounds', default=8, show_default=True, type=click.IntRange(1, 1000), metavar='N', help='Rounds.')
@click.option('--mu', 'mus', multiple=True, type=float, default=(0.01, 0.1, 1.0), show_default=True, callback=_mu,
              metavar='MU', help='Of the proximal term of FedProx; repeatable. FedAvg is always there.')
@click.option('--start', default='', metavar='RUN_OR_BUNDLE',
              help='Weights to start from, a run folder or a bundle [default: random ones].')
@click.option('--recipe', default='federated-small', show_default=True, metavar='RECIPE',
              help='Of the training in a round; federated is that of the network that ships.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE', help='Change a key of the recipe; repeatable.')
@click.option('--faults/--no-faults', default=True, show_default=True,
              help='Also with a clinic that lies and with one that sends NaN.')
@click.option('--seed', default=2021, show_default=True, type=click.IntRange(0, 99999), metavar='N',
              help='Of phantoms, cameras and training.')
@click.option('--workers', default=min(os.cpu_count() or 1, 4), show_default='cores, 4 at most',
              type=click.IntRange(1, 64), metavar='N', help='Ways of training at the same time.')
@click.option('--bundle', is_flag=True, help='Also make a proven bundle of the best federated way: DIR/run/bundle.')
@click.option('--key', type=click.Path(dir_okay=False), metavar='KEY',
              help='Sign that bundle with this private key (thermoscreen bundle keygen).')
@click.pass_context
def federate_command(ctx: click.Context, clinics: Optional[int], out: Optional[Path], rounds: int,
                     mus: Tuple[float, ...], start: str, recipe: str, changes: Tuple[str, ...], faults: bool, seed: int,
                     workers: int, bundle: bool, key: Optional[str]) -> None:
    """Train one network in many clinics, of which none gives its pictures away.

    With --simulate, N clinics of this machine: FedAvg, FedProx with several mu, each clinic alone, and all pictures in
    one place, judged on test phantoms of every clinic. The same command goes on with what is already in --out.

    \b
    Example:
      thermoscreen federate --simulate 4 --out build/federate
      thermoscreen federate --simulate 4 --rounds 3 --mu 0.1 --bundle --key release.pem --out build/federate
    """
    if ctx.invoked_subcommand is not None:
        return
    if clinics is None:
        raise click.UsageError('Say --simulate N, or one of the commands below (thermoscreen federate --help).')
    if out is None:
        raise click.UsageError('Name a folder with --out.')
    if key and not bundle:
        raise click.UsageError('--key signs what --bundle makes.')
    # A key that cannot be read is found before the training, not after.
    private = load_key(key) if key else None
    # PyTorch takes seconds to import: not for --help.
    from .simulate import Setting, deliver_best, simulate
    from .simulation_report import draw, table

    setting = Setting(clinics, rounds, mus, seed, faults, start, recipe, changes, workers)
    _same_setting(out, setting.to_dict())
    report = simulate(setting, out, lambda line: click.echo('federate: %s' % line, err=True))
    text = table(report)
    atomic_write(out / 'simulation.json', to_json(report).encode('utf-8'))
    atomic_write(out / 'table.md', text.encode('utf-8'))
    atomic_write(out / 'simulation.png', draw(report))
    click.echo(text)
    if bundle:
        made = deliver_best(setting, report, out)
        click.echo('Bundle, proven: %s' % made.folder)
        if private is not None:
            name, _ = sign_bundle(made.folder, private)
            click.echo('It is signed by key %s.' % name)
    click.echo('Figures: %s, %s' % (out / 'simulation.png', out / 'simulation.json'))


@federate_command.command('patients')
@click.option('--data', required=True, metavar='DIR', help='Thermograms of this clinic.')
@click.option('--key', required=True, type=click.Path(path_type=Path), metavar='FILE',
              help='Key that the clinics share and the server does not have: openssl rand -hex 32.')
@click.option('--clinic', metavar='NAME', help='Name of this clinic, for the tokens.')
@click.option('--out', type=click.Path(path_type=Path), metavar='FILE', help='Receives the tokens, to be handed in.')
@click.option('--common', type=click.Path(path_type=Path), metavar='FILE',
              help='Tokens that more than one clinic has: print whose they are here, to leave them out.')
def patients_command(data: str, key: Path, clinic: Optional[str], out: Optional[Path], common: Optional[Path]) -> None:
    """Make tokens of the patients of a clinic, by which two clinics find the same woman without naming her.

    \b
    Example:
      thermoscreen federate patients --data dmr --key clinics.key --clinic north --out north.json
      thermoscreen federate patients --data dmr --key clinics.key --common common.json
    """
    from ..data import open_data
    from .patients import read_key, read_tokens, token, write_tokens

    if (out is None) == (common is None) or (out is not None and not clinic):
        raise click.UsageError('Name a file with --out and the clinic with --clinic, or a file with --common.')
    secret, patients = read_key(key), open_data(data).patients
    if out is not None:
        count = write_tokens(out, clinic or '', patients, secret)
        click.echo('%s: tokens of %d patients. Whoever has the key can try numbers on it: hand it in, publish it not.'
                   % (out, count))
        return
    assert common is not None
    shared = set(read_tokens(common)['tokens'])
    for patient in patients:
        if token(patient, secret) in shared:
            click.echo(patient)


@federate_command.command('duplicates')
@click.argument('files', nargs=-1, required=True, type=click.Path(path_type=Path), metavar='FILE...')
@click.option('--out', type=click.Path(path_type=Path), metavar='FILE',
              help='Receives the tokens that more than one clinic has, for the clinics.')
def duplicates_command(files: Tuple[Path, ...], out: Optional[Path]) -> None:
    """Count the patients that clinics have in common, from their tokens alone.

    Exit code 1 where there are any: they would be trained on twice, and judged where they were trained on.

    \b
    Example:
      thermoscreen federate duplicates north.json south.json --out common.json
    """
    from .patients import common_tokens, write_common

    pairs, shared = common_tokens(files)
    for (one, other), count in pairs.items():
        click.echo('%s and %s: %d patients in common' % (one, other, count))
    if out is not None:
        write_common(out, files, shared)
    sys.exit(1 if shared else 0)


def _same_setting(out: Path, setting: Dict[str, Any]) -> None:
    """Refuse a folder with a simulation of another setting, and note this one."""
    place = out / 'setting.json'
    try:
        out.mkdir(parents=True, exist_ok=True)
        if place.exists():
            if json.loads(place.read_text(encoding='utf-8')) != setting:
                raise InputError('simulation-other', '%s holds a simulation of another setting.' % out,
                                 'Name another folder.')
        elif any(out.iterdir()):
            raise InputError('out-not-empty', '%s holds something other than a simulation.' % out,
                             'Choose another folder.')
        else:
            atomic_write_json(place, setting)
    except OSError as error:
        raise storage_error(error, out)
    except ValueError as error:
        raise InputError('simulation-other', '%s is not what a simulation wrote.' % place, 'Name another folder.',
                         detail=str(error))


# Over a network: what these commands need is an extra of its own.
if importlib.util.find_spec('nvflare') is not None:
    from .network_cli import COMMANDS

    for _command in COMMANDS:
        federate_command.add_command(_command)
