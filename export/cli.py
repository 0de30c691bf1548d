"""``thermoscreen check`` and ``thermoscreen preflight``: what a board will make of a network, without the board."""
import importlib.util
import json
import os
import sys
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

import click

from service.bundle import BASE, Bundle, open_bundle
from service.messages import InputError

if TYPE_CHECKING:
    from .check import Violation
    from .targets import Target

# The command line hides verbs whose library is missing. Looking for onnx is quick, importing it is not, so that the
# verbs import what needs it when they run.
if importlib.util.find_spec('onnx') is None:
    raise ImportError('checks and predictions of networks need the onnx package', name='onnx')

#: A protocol buffer cannot be larger.
_MAX_BYTES = 2 ** 31 - 1


@click.command('check')
@click.argument('path', required=False, type=click.Path(), metavar='BUNDLE_OR_ONNX')
@click.option('--target', 'target_name', metavar='NAME', help='Board to check against; --list names them.')
@click.option('--list', 'as_list', is_flag=True, help='List the targets with their limits.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON: every violation, and the sources of the limits.')
def check_command(path: Optional[str], target_name: Optional[str], as_list: bool, as_json: bool) -> None:
    """Check whether a target takes a bundle or an ONNX file, without the board.

    Every VIOLATION names the node, its operator, the reason and a remedy: TensorRT there would refuse the node, or run
    it and give wrong results. A WARNING is for the board to decide. Every variant of a bundle is checked, and the
    bundle suits the target when one of them does: a Nano, for example, refuses int8-qdq and takes fp16.

    Exit code 0: it fits, with or without warnings. 1: the ONNX file, or every variant of the bundle, has violations.
    2: there is nothing to check, or no such target. 3: the bundle is damaged or incomplete.

    \b
    Example:
      thermoscreen check service/bundles/phantom-fpn --target jetson-nano
      thermoscreen check model.onnx --target orin-nano --json
      thermoscreen check --list
    """
    from .check import fits
    from .check.report import describe, describe_targets
    from .targets import TARGETS, load_target

    if as_list:
        targets = [load_target(name) for name in TARGETS]
        click.echo(json.dumps([target.to_dict() for target in targets], indent=1) if as_json else
                   describe_targets(targets))
        return
    if path is None or target_name is None:
        raise InputError('check-what', 'A check needs a bundle or an ONNX file, and a target.',
                         'Name both, with --target one of %s.' % ', '.join(TARGETS))
    target = load_target(target_name)
    kind, name, variants = _check_path(path, target)
    fitting = [variant for variant, violations in variants.items() if fits(violations)]
    if as_json:
        click.echo(json.dumps({
            'checked': path, 'kind': kind, 'target': target.to_dict(), 'fits': bool(fitting), 'fitting': fitting,
            'variants': {variant: {'fits': variant in fitting,
                                   'violations': [violation.to_dict() for violation in violations]}
                         for variant, violations in variants.items()}}, indent=1))
    else:
        click.echo(describe(name, target, variants))
    sys.exit(0 if fitting else 1)


@click.command('preflight')
@click.argument('path', type=click.Path(), metavar='BUNDLE_OR_ONNX')
@click.option('--target', 'target_name', required=True, metavar='NAME', help='Board to predict for, such as '
              'jetson-nano; thermoscreen check --list names them.')
@click.option('--precision', default='fp16', show_default=True, type=click.Choice(['fp16', 'fp32']),
              help='Precision of the engine.')
@click.option('--frame', default='320x240', show_default=True, help='Size of the camera\'s picture, for the stages '
              'around the network.')
@click.option('--layers', is_flag=True, help='Add a line for every layer: what limits it and how long it takes.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
def preflight_command(path: str, target_name: str, precision: str, frame: str, layers: bool, as_json: bool) -> None:
    """Predict operators, memory, build time and latency of a network on a target, without the board.

    Latency is predicted for the Jetson Nano only, by a roofline of every layer that was fitted to published figures
    and tested on others; each prediction states the error found there. Other targets get operators and memory. The
    processor's work around the network is scaled from a PC and printed separately.

    Of a bundle the FP32 file is used, which TensorRT compiles in the chosen precision. A network with violations is
    predicted all the same.

    Exit code 0: the target takes it. 1: it does not. 2: no such target or file. 3: the bundle is damaged or
    incomplete.

    \b
    Example:
      thermoscreen preflight service/bundles/phantom-fpn --target jetson-nano
      thermoscreen preflight model.onnx --target jetson-nano --precision fp32 --layers
    """
    from .check import fits
    from .predict import frame_sizes, preflight
    from .predict.report import describe, to_dict
    from .targets import load_target

    target = load_target(target_name)
    if frame not in frame_sizes():
        raise InputError('frame-unknown', 'The stages around the network were not measured for frames of %s.' % frame,
                         'Choose one of %s.' % ', '.join(frame_sizes()))
    _, name, variants = _check_path(path, target)
    model = _open(path).model if os.path.isdir(path) else _read_file(path)
    prediction = preflight(model, target, precision, frame, name)
    if as_json:
        click.echo(json.dumps(to_dict(name, prediction, variants, layers), indent=1))
    else:
        click.echo(describe(name, prediction, variants, layers))
    sys.exit(0 if any(map(fits, variants.values())) else 1)


def _check_path(path: str, target: 'Target') -> Tuple[str, str, Dict[str, List['Violation']]]:
    """Check a bundle folder or an ONNX file: (kind, name for the report, violations by variant)."""
    from .check import check_bundle, check_model

    if os.path.isdir(path):
        bundle = _open(path)
        identity = bundle.manifest.identity
        return 'bundle', '%s %s in %s' % (identity['id'], identity['version'], path), check_bundle(bundle, target)
    return 'onnx', path, {os.path.basename(path): check_model(_read_file(path), target, path)}


def _open(path: str) -> Bundle:
    """A bundle of one network.

    Raises:
        InputError: ``two-networks``.
    """
    # Bundles for study only are taken too: somebody may want to know about their network.
    bundle = open_bundle(path, study=True)
    if bundle.classifier is not None:
        files = [os.path.join(path, network.variants[BASE].file) for network in bundle.networks]
        raise InputError('two-networks', 'The bundle in %s holds two networks, and this is about one.' % path,
                         'Name %s, and then %s.' % tuple(files))
    return bundle


def _read_file(path: str) -> bytes:
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise InputError('onnx-large', '%s is larger than an ONNX file can be.' % path, 'Name another file.')
        with open(path, 'rb') as stream:
            return stream.read()
    except OSError as error:
        raise InputError('file-unreadable', '%s cannot be read (%s).' % (path, error.strerror or 'no reason given'),
                         'Name a bundle folder or an ONNX file.', detail=str(error))
