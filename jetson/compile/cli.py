"""``thermoscreen compile``: a bundle into an engine of this board."""
import contextlib
import json
import os
import signal

import click

from service.bundle import Trust, open_bundle
from service.cli.options import json_option, load_settings, settings_option
from service.engines import EngineStore, default_folder
from service.selection import Runtime

from .run import WORKSPACE_MIB, CompileOptions, compile_engine

engines_option = click.option('--engines', type=click.Path(), metavar='DIR',
                              help='Folder of the engines. Default: the one in the settings.')


def engine_store(settings_path, engines, **overrides):
    """(settings, EngineStore) as the settings and the command line say."""
    settings = load_settings(settings_path, engines=engines, **overrides)
    return settings, EngineStore(Runtime.from_settings(settings).engines or default_folder())


@click.command('compile')
@click.argument('bundle', type=click.Path(), metavar='BUNDLE')
@click.option('--precision', type=click.Choice(['auto', 'fp32', 'fp16', 'int8']), default='auto', show_default=True,
              help='What to compute in. auto: the lowest that is native, in the bundle, and proven.')
@engines_option
@click.option('--workspace', type=click.IntRange(1, 65536), default=WORKSPACE_MIB, show_default=True, metavar='MIB',
              help='Memory one kernel may take.')
@click.option('--no-cublas', is_flag=True, help='Do without cuBLAS and cuDNN: several hundred MB less on the board.')
@click.option('--timing-cache', type=click.Path(), default='', metavar='FILE',
              help='Timings of earlier builds. Default: kept beside the engines, by board and TensorRT.')
@click.option('--from-logits', is_flag=True, help='Leave the ArgMax out of the engine.')
@click.option('--frames', type=click.Path(), multiple=True, metavar='PATH',
              help='Thermogram or folder that TensorRT measures INT8 ranges on, in place of the bundle\'s; repeatable.')
@click.option('--force', is_flag=True, help='Build although a proven engine is there.')
@settings_option
@json_option
def compile_command(bundle, precision, engines, workspace, no_cublas, timing_cache, from_logits, frames, force,
                    settings_path, as_json):
    """Compile a bundle into a TensorRT engine of this board, prove it and keep it.

    It takes minutes and says what it is doing. The engine is kept only if it gives the bundle's golden answer; an
    older one stays until then. It can be stopped at any time with Ctrl-C. Without TensorRT on the machine there is
    nothing to compile: the exit code is then 4.

    \b
    Example:
      thermoscreen compile /media/usb/phantom-unet
      thermoscreen compile /media/usb/phantom-unet --precision fp16 --no-cublas --json
      thermoscreen compile /media/usb/phantom-unet --precision int8 --frames /media/usb/thermograms
    """
    if frames and precision != 'int8':
        raise click.UsageError('--frames measures INT8 ranges; say --precision int8 too.')
    settings, store = engine_store(settings_path, engines)
    options = CompileOptions(workspace, no_cublas, timing_cache, from_logits, force, frames)
    with _interruptible():
        compiled = compile_engine(open_bundle(bundle, trust=Trust.from_settings(settings)), store, precision, options)
    if as_json:
        click.echo(json.dumps(_report(compiled, store), indent=1))
        return
    for sentence in _sentences(compiled, store):
        click.echo(sentence)


@contextlib.contextmanager
def _interruptible():
    """Let Ctrl-C end the process at once: Python would tell nobody before TensorRT returns, minutes later.

    Nothing is lost by it: the store is written in one step at the end, and its lock ends with the process.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _report(compiled, store):
    record = compiled.record
    return {'name': compiled.name, 'file': os.path.join(store.folder, record['plan']['file']),
            'precision': record['key']['precision'], 'variant': record['variant'], 'reused': compiled.reused,
            'seconds': record['seconds'], 'bytes': record['plan']['bytes'], 'proof': record['proof'],
            'latency_ms': record['latency_ms'], 'low_memory': record['low_memory'], 'warnings': record['warnings'],
            'notes': list(compiled.notes) + record['notes'], 'record': record}


def _sentences(compiled, store):
    record = compiled.record
    latency, proof = record['latency_ms'], record['proof']
    yield '%s %s in %s.' % (compiled.name, 'was there already' if compiled.reused else 'is ready', store.folder)
    yield ('%s from %s for %s (TensorRT %s), built in %.0f s, %.1f MiB.'
           % (record['key']['precision'].upper(), record['variant'], record['key']['board'],
              record['key']['tensorrt'], record['seconds'], record['plan']['bytes'] / 2.0 ** 20))
    yield 'Golden pair: ' + ', '.join('%s %.6g' % (name.replace('_', ' '), proof[name]) for name in sorted(proof)) + '.'
    yield ('First %d inferences on this machine: median %.2f ms, p90 %.2f ms, copies included.'
           % (latency['n'], latency['median'], latency['p90']))
    for note in record['notes']:
        yield note
