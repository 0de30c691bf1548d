"""``thermoscreen export``: a trained network in; a bundle with every form that a board may want out."""
import importlib.util
import json
import os
import re
from pathlib import Path

import click

from service.bundle import PROMISES
from service.messages import InputError

# The command line leaves a verb out whose library is absent; asking is quick, importing PyTorch is not.
for _name in ('torch', 'onnx', 'onnxsim'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('an export needs %s' % _name, name=_name)


def _version(ctx, option, value):
    if value is not None and not re.fullmatch(r'\d{1,9}(\.\d{1,9}){2}', value, re.ASCII):
        raise click.BadParameter('three numbers with points, such as 1.0.2')
    return value


@click.command('export')
@click.argument('checkpoint', type=click.Path(path_type=Path))
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='BUNDLE',
              help='Bundle folder to write; a bundle that is there is replaced as a whole.')
@click.option('--data', metavar='DIR', help='Real thermograms to compare on, and to calibrate with.')
@click.option('--frames', default=24, show_default=True, type=click.IntRange(min=1), metavar='N',
              help='Phantoms to compare on, and at most as many thermograms of --data.')
@click.option('--calibrate', type=click.Choice(['entropy', 'minmax', 'percentile']),
              help='Add INT8 with ranges found this way, and the calibration cache.')
@click.option('--fp16/--no-fp16', default=True, help='Add FP16 [default: yes].')
@click.option('--logits/--no-logits', default=True,
              help='Add the variant for boards without a tactic for ArgMax [default: yes].')
@click.option('--leave-out', multiple=True, type=click.Choice(sorted(PROMISES)), metavar='NAME',
              help='A variant that is not wanted, such as fp16-logits; may be given often.')
@click.option('--regions', type=click.Path(path_type=Path), metavar='RUN',
              help='Run whose regions a classifier is delivered with.')
@click.option('--version', metavar='X.Y.Z', callback=_version, help="The bundle's version [default: the recipe's].")
@click.option('--threads', default=os.cpu_count(), show_default='all', type=click.IntRange(min=1), metavar='N',
              help='CPU threads.')
@click.option('--json', 'as_json', is_flag=True, help='Print the figures as JSON.')
def export_command(checkpoint, out, data, frames, calibrate, fp16, logits, leave_out, regions, version, threads,
                   as_json):
    """Export the network of CHECKPOINT, a run folder of thermoscreen train, as a bundle.

    The bundle holds the network as ONNX in FP32 and FP16, each also without its ArgMax, and INT8 where it is asked
    for. All of them answer the same frames; a bundle whose forms do not agree, or whose FP16 overflows, is not
    written. CHECKPOINT may also be a bundle folder: its FP32 file stays byte by byte and the others are added.

    \b
    Example:
      thermoscreen export build/phantom-unet --out phantom-unet
      thermoscreen export build/unet-lite-1 --out unet-lite --data dmr --calibrate entropy --version 1.0.0
    """
    # PyTorch takes seconds to import: not for --help.
    import torch

    from .build import Order, build_bundle
    from .checkpoint import open_checkpoint
    from .report import describe, figures

    if not checkpoint.exists():
        raise InputError('checkpoint-missing', '%s does not exist; name the run folder of a finished training, or a '
                         'bundle.' % checkpoint)
    torch.set_num_threads(threads)
    order = Order(fp16, logits, calibrate, data, leave_out, frames, version, threads)
    package = build_bundle(open_checkpoint(checkpoint, regions), order,
                           lambda sentence: click.echo('export: %s' % sentence, err=True))
    package.write(out)
    if as_json:
        click.echo(json.dumps(figures(package, out), indent=1))
        return
    for line in describe(package, out):
        click.echo(line)
