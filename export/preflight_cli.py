"""``thermoscreen preflight``: what a network will cost on a board, before anybody has one."""
import importlib.util
import json
import os
import sys

import click

from service.messages import InputError

from .check_cli import check_path, read_file

# The command line leaves a verb out whose library is absent; asking is quick, importing onnx is not.
if importlib.util.find_spec('onnx') is None:
    raise ImportError('a preflight of networks needs the onnx package', name='onnx')


@click.command('preflight')
@click.argument('path', type=click.Path(), metavar='BUNDLE_OR_ONNX')
@click.option('--target', 'target_name', required=True, metavar='NAME', help='What it shall run on, such as '
              'jetson-nano; thermoscreen check --list names them.')
@click.option('--precision', default='fp16', show_default=True, type=click.Choice(['fp16', 'fp32']),
              help='Of the engine.')
@click.option('--frame', default='320x240', show_default=True, help='Size of the camera\'s picture, for the stages '
              'around the network.')
@click.option('--layers', is_flag=True, help='Add a line for every layer: what limits it and how long it takes.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
def preflight_command(path, target_name, precision, frame, layers, as_json):
    """Predict operators, memory, build time and latency of a network on a target, without the board.

    Latency is predicted for the Jetson Nano alone, from a per-layer roofline that was fitted to published figures
    and judged on other ones; each prediction carries the error found there. Other targets get operators and memory.
    What the processor does around the network is scaled from a PC and printed apart.

    Of a bundle the FP32 file is predicted, which TensorRT compiles in the precision asked for. A network with
    violations is predicted all the same.

    Exit code 0: the target takes it. 1: it does not. 2: no such target or file. 3: the bundle itself is not whole.

    \b
    Example:
      thermoscreen preflight service/bundles/phantom-unet --target jetson-nano
      thermoscreen preflight model.onnx --target jetson-nano --precision fp32 --layers
    """
    # The onnx package takes a moment to import: not for --help.
    from service.bundle import open_bundle

    from .check import fits
    from .predict import cpu, preflight
    from .predict.report import describe, to_dict
    from .targets import load_target

    target = load_target(target_name)
    if frame not in cpu.frames():
        raise InputError('frame-unknown', 'The stages around the network were not measured for frames of %s; choose '
                         'one of %s.' % (frame, ', '.join(cpu.frames())))
    _, name, variants = check_path(path, target)
    model = open_bundle(path, study=True).model if os.path.isdir(path) else read_file(path)
    found = preflight(model, target, precision, frame, name)
    if as_json:
        click.echo(json.dumps(to_dict(name, found, variants, layers), indent=1))
    else:
        click.echo(describe(name, found, variants, layers))
    sys.exit(0 if any(map(fits, variants.values())) else 1)
