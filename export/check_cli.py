"""``thermoscreen check``: whether a board will take a network, asked before anybody carries it there."""
import importlib.util
import json
import os
import sys

import click

from service.bundle import open_bundle
from service.messages import InputError

# The command line leaves a verb out whose library is absent; asking is quick, importing onnx is not.
if importlib.util.find_spec('onnx') is None:
    raise ImportError('a check of networks needs the onnx package', name='onnx')

#: A protocol buffer cannot be larger.
_MAX_BYTES = 2 ** 31 - 1


@click.command('check')
@click.argument('path', required=False, type=click.Path(), metavar='BUNDLE_OR_ONNX')
@click.option('--target', 'target_name', metavar='NAME', help='What it shall run on; --list names them.')
@click.option('--list', 'as_list', is_flag=True, help='List the targets with their limits.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON: every violation, and where limits come from.')
def check_command(path, target_name, as_list, as_json):
    """Check whether a target takes a bundle or an ONNX file, without the board.

    Every VIOLATION names the node, its operator, the reason and a remedy: TensorRT there would refuse the node, or
    take it and answer wrongly. A WARNING is for the board to decide. Of a bundle every variant is checked, and the
    bundle suits the target when one of them does: an int8-qdq variant, say, is refused on a Nano, which takes fp16.

    Exit code 0: it fits, warnings or not. 1: the ONNX file, or every variant of the bundle, has violations. 2: there
    is nothing to check, or no such target. 3: the bundle itself is not whole.

    \b
    Example:
      thermoscreen check service/bundles/phantom-unet --target jetson-nano
      thermoscreen check model.onnx --target orin-nano --json
      thermoscreen check --list
    """
    # The onnx package takes a moment to import: not for --help.
    from .check import fits
    from .check.report import describe, describe_targets
    from .targets import TARGETS, load_target

    if as_list:
        targets = [load_target(name) for name in TARGETS]
        click.echo(json.dumps([target.to_dict() for target in targets], indent=1) if as_json else
                   describe_targets(targets))
        return
    if path is None or target_name is None:
        raise InputError('check-what', 'Name a bundle or an ONNX file, and a target with --target (%s).'
                         % ', '.join(TARGETS))
    target = load_target(target_name)
    kind, name, variants = check_path(path, target)
    good = [variant for variant, found in variants.items() if fits(found)]
    if as_json:
        click.echo(json.dumps({
            'checked': path, 'kind': kind, 'target': target.to_dict(), 'fits': bool(good), 'fitting': good,
            'variants': {variant: {'fits': variant in good, 'violations': [one.to_dict() for one in found]}
                         for variant, found in variants.items()}}, indent=1))
    else:
        click.echo(describe(name, target, variants))
    sys.exit(0 if good else 1)


def check_path(path, target):
    """Check a bundle folder or an ONNX file: (kind, what it is called, variant to what was found)."""
    from .check import check_bundle, check_model

    if os.path.isdir(path):
        # A bundle for study is checked too: its network may be what somebody wants to know about.
        bundle = open_bundle(path, study=True)
        identity = bundle.manifest.identity
        return 'bundle', '%s %s in %s' % (identity['id'], identity['version'], path), check_bundle(bundle, target)
    return 'onnx', path, {os.path.basename(path): check_model(read_file(path), target, path)}


def read_file(path):
    """The bytes of an ONNX file.

    Raises:
        InputError: ``onnx-large``, ``file-unreadable``.
    """
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise InputError('onnx-large', '%s has more bytes than an ONNX file can have; name another one.' % path)
        with open(path, 'rb') as stream:
            return stream.read()
    except OSError as error:
        raise InputError('file-unreadable', '%s cannot be read (%s); name a bundle folder or an ONNX file.'
                         % (path, error.strerror or 'no reason given'), detail=str(error))
