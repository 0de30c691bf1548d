"""``thermoscreen export``: a trained network in; a bundle with every variant that a board may want out."""
import importlib.util
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import click

from service.bundle import BASE, JOINT, ORDERS, PROMISES
from service.messages import InputError

if TYPE_CHECKING:
    from ..deliver import Package

# A verb whose library is absent is not offered; looking is quick, importing PyTorch is not.
for _name in ('torch', 'onnx', 'onnxsim'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('an export needs %s' % _name, name=_name)


def _version(ctx: click.Context, option: click.Parameter, value: Optional[str]) -> Optional[str]:
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
@click.option('--features', is_flag=True, help='Have it give features too, by which the station finds similar exams.')
@click.option('--leave-out', multiple=True, type=click.Choice(sorted(PROMISES)), metavar='NAME',
              help='A variant that is not wanted, such as fp16-logits; may be given often.')
@click.option('--regions', type=click.Path(path_type=Path), metavar='RUN',
              help='Run whose regions a classifier is delivered with.')
@click.option('--order', default=JOINT, show_default=True, type=click.Choice(ORDERS),
              help='How classifier and segmenter of --regions run: as one network, or as two, one after the other.')
@click.option('--version', metavar='X.Y.Z', callback=_version, help="The bundle's version [default: the recipe's].")
@click.option('--threads', default=os.cpu_count(), show_default='all', type=click.IntRange(min=1), metavar='N',
              help='CPU threads.')
@click.option('--json', 'as_json', is_flag=True, help='Print the figures as JSON.')
def export_command(checkpoint: Path, out: Path, data: Optional[str], frames: int, calibrate: Optional[str], fp16: bool,
                   logits: bool, features: bool, leave_out: Tuple[str, ...], regions: Optional[Path], order: str,
                   version: Optional[str], threads: int, as_json: bool) -> None:
    """Export the network of CHECKPOINT, a run folder of thermoscreen train, as a bundle.

    The bundle holds the network as ONNX in FP32 and FP16, each also without its ArgMax, and INT8 on request.
    All of them answer the same frames; a bundle whose variants do not agree, or whose FP16 overflows, is not
    written. CHECKPOINT may also be a bundle folder: its FP32 file stays byte by byte and the others are added;
    --features adds an output to it and changes no weight.

    A classifier needs the regions of another run. With --order joint both become one network over the same input.
    In classify-then-segment the segmenter runs only where the finding reaches its threshold; in segment-then-classify
    the classifier sees the regions alone, on which it must have been trained (input.regions_only).

    \b
    Example:
      thermoscreen export build/phantom-fpn --features --out phantom-fpn
      thermoscreen export build/unet-lite-1 --out unet-lite --data dmr --calibrate entropy --version 1.0.0
      thermoscreen export build/resnet18 --regions build/phantom-fpn --order classify-then-segment --out both
    """
    # PyTorch takes seconds to import, too long for --help.
    import torch

    from .build import ExportRequest, build_bundle
    from .checkpoint import open_checkpoint

    if not checkpoint.exists():
        raise InputError('checkpoint-missing', '%s does not exist.' % checkpoint,
                         'Name the run folder of a finished training, or a bundle.')
    torch.set_num_threads(threads)
    request = ExportRequest(fp16, logits, calibrate, data, leave_out, frames, version, threads, features)
    package = build_bundle(open_checkpoint(checkpoint, regions, order), request,
                           lambda sentence: click.echo('export: %s' % sentence, err=True))
    package.write(out)
    if as_json:
        click.echo(json.dumps(_figures(package, out), indent=1))
        return
    click.echo('\n'.join(_describe(package, out)))


def _figures(package: 'Package', folder: Path) -> Dict[str, Any]:
    """Figures of a written package, as JSON: of every variant ``file``, ``bytes``, ``parity`` and ``golden``."""
    document, files = package.whole()
    figures = {'bundle': str(folder), 'name': document['name'], 'version': document['version'],
               'variants': _variants(document, files)}
    if 'classifier' in document:
        figures.update(order=document['order'], classifier=_variants(document['classifier'], files))
    return figures


def _variants(document: Dict[str, Any], files: Dict[str, bytes]) -> Dict[str, Any]:
    base = document['model']['file']
    variants = {BASE: {'file': base, 'bytes': len(files[base]), 'parity': document.get('parity', {}),
                       'golden': {name: value for name, value in document['golden'].items() if name != 'file'}}}
    for name, entry in document['variants'].items():
        variants[name] = {'file': entry['file'], 'bytes': len(files[entry['file']]),
                          'parity': entry['parity'], 'golden': entry['golden']}
    return variants


def _describe(package: 'Package', folder: Path) -> List[str]:
    """The same in lines of text."""
    figures = _figures(package, folder)
    lines = ['%s %s -> %s (unsigned; thermoscreen bundle sign signs it)' % (figures['name'], figures['version'],
                                                                            folder)]
    if 'classifier' in figures:
        lines += ['classifier, %s:' % figures['order'], *_lines(figures['classifier']), 'segmenter:']
    lines += _lines(figures['variants'])
    if not figures['variants'][BASE]['parity']:
        lines.append('FP32 was not compared with PyTorch: a bundle without its weights.pt was given.')
    return lines


def _lines(variants: Dict[str, Any]) -> List[str]:
    from .parity import describe_parity

    lines = []
    for name, variant in variants.items():
        parity = variant['parity']
        lines.append('%-11s %-31s %6.1f MB' % (name, variant['file'], variant['bytes'] / 1e6))
        lines += ['  against %s, %s: %s' % (parity.get('reference', ''), title, describe_parity(frames))
                  for title, frames in parity.get('frames', {}).items()]
        weights = parity.get('weights', {})
        if weights.get('clipped'):
            lines.append('  %d of %d weights beyond 65504 were clipped' % (weights['clipped'], weights['count']))
    return lines
