"""``thermoscreen compile``: a bundle into an engine of this board; ``thermoscreen engines``: what is in the store."""
import contextlib
import json
import os
import signal
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import click

from service.bundle import Bundle, Trust, open_bundle
from service.cli.options import bundle_option, json_option, load_settings, settings_option
from service.cli.verbs import Group
from service.engines import EngineKey, EngineStore, Entry, default_folder, machine_facts
from service.engines.key import MACHINE_FIELDS, describe_differences
from service.messages import OK, Message, ThermoscreenError, printable
from service.selection import Runtime
from service.settings import Settings

from .build import prove_plan
from .run import WORKSPACE_MIB, Compiled, CompileOptions, compile_engine

_engines_option = click.option('--engines', type=click.Path(), metavar='DIR',
                               help='Folder of the engines. Default: the one in the settings.')


@click.command('compile')
@click.argument('bundle', type=click.Path(), metavar='BUNDLE')
@click.option('--precision', type=click.Choice(['auto', 'fp32', 'fp16', 'int8']), default='auto', show_default=True,
              help='What to compute in. auto: the lowest that is native, in the bundle, and proven.')
@_engines_option
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
def compile_command(bundle: str, precision: str, engines: Optional[str], workspace: int, no_cublas: bool,
                    timing_cache: str, from_logits: bool, frames: Tuple[str, ...], force: bool,
                    settings_path: Optional[str], as_json: bool) -> None:
    """Compile a bundle into a TensorRT engine of this board, prove it and store it.

    It takes minutes and says what it is doing. The engine is stored only if it gives the bundle's golden answer; an
    older one stays until then. Ctrl-C stops it at any time. A machine without TensorRT has nothing to compile; the
    exit code is then 4.

    \b
    Example:
      thermoscreen compile /media/usb/phantom-fpn
      thermoscreen compile /media/usb/phantom-fpn --precision fp16 --no-cublas --json
      thermoscreen compile /media/usb/phantom-fpn --precision int8 --frames /media/usb/thermograms
    """
    if frames and precision != 'int8':
        raise click.UsageError('--frames measures INT8 ranges; say --precision int8 too.')
    settings, store = _open_store(settings_path, engines)
    options = CompileOptions(workspace, no_cublas, timing_cache, from_logits, force, frames, settings.cuda)
    with _interruptible():
        compiled = compile_engine(open_bundle(bundle, trust=Trust.from_settings(settings)), store, precision, options)
    if not compiled.reused:
        _note(settings, 'compiled', [compiled.name])
    if as_json:
        click.echo(json.dumps(_compiled_json(compiled, store), indent=1))
        return
    for sentence in _compiled_text(compiled, store):
        click.echo(sentence)


@click.group(cls=Group)
def engines() -> None:
    """List, verify and remove the engines of this board.

    \b
    Example:
      thermoscreen engines list
      thermoscreen engines verify
    """


@engines.command('list')
@_engines_option
@settings_option
@json_option
def list_command(engines: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """List the engines with what they were built from and for.

    \b
    Example:
      thermoscreen engines list --json
    """
    _, store = _open_store(settings_path, engines)
    entries = store.list()
    if as_json:
        documents = [dict(entry.problem.to_dict() if entry.problem else entry.record, name=entry.name)
                     for entry in entries]
        click.echo(json.dumps({'engines': documents, 'folder': store.folder}, indent=1))
        return
    for entry in entries:
        click.echo('%s: %s' % (printable(entry.name),
                               entry.problem.message.text if entry.problem else _line(entry.record)))
    if not entries:
        click.echo('No engines in %s; thermoscreen compile BUNDLE builds one.' % store.folder)


@engines.command('verify')
@click.argument('names', nargs=-1, metavar='[NAME]...')
@_engines_option
@bundle_option
@settings_option
@json_option
@click.pass_context
def verify_command(ctx: click.Context, names: Tuple[str, ...], engines: Optional[str], bundle: Optional[str],
                   settings_path: Optional[str], as_json: bool) -> None:
    """Check engines: every byte, whether they fit this machine, and the golden answer of the bundle.

    Without names every engine is checked. The golden pair is run for engines of the bundle in the settings or of
    --bundle; for others only the bytes and the machine are checked. The exit code is 1 if one must not be used.

    \b
    Example:
      thermoscreen engines verify --bundle /media/usb/phantom-fpn
    """
    settings, store = _open_store(settings_path, engines, bundle=bundle)
    opened = open_bundle(settings.bundle, trust=Trust.from_settings(settings))
    facts = machine_facts()
    messages = [_verify(store, entry, opened, facts, settings.cuda) for entry in _entries(store, names)]
    if as_json:
        click.echo(json.dumps({'engines': [message.to_dict() for message in messages]}, indent=1))
    else:
        for message in messages:
            click.echo('%s: %s' % (message.subject, message.text))
    ctx.exit(0 if all(message.severity == OK for message in messages) else 1)


@engines.command('remove')
@click.argument('names', nargs=-1, required=True, metavar='NAME...')
@_engines_option
@settings_option
def remove_command(names: Tuple[str, ...], engines: Optional[str], settings_path: Optional[str]) -> None:
    """Remove engines by name.

    \b
    Example:
      thermoscreen engines remove fp16-1a2b3c4d-sm53-trt8.2.1.8-9f8e7d6c
    """
    settings, store = _open_store(settings_path, engines)
    for name in names:
        store.entry(name)
    with store.lock('removing engines'):
        for name in names:
            store.remove(name)
            click.echo('%s removed.' % name)
    _note(settings, 'removed', names)


def _note(settings: Settings, act: str, names: Sequence[str]) -> None:
    """Have the audit log of the station know it."""
    from service.cli.records import note
    note(settings, 'engines-changed', act=act, names=list(names))


def _open_store(settings_path: Optional[str], engines: Optional[str],
                **overrides: Any) -> Tuple[Settings, EngineStore]:
    """Settings and store, as the settings file and the command line name them."""
    settings = load_settings(settings_path, engines=engines, **overrides)
    return settings, EngineStore(Runtime.from_settings(settings).engines or default_folder())


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the process at once: Python would notice only when TensorRT returns, minutes later.

    Nothing is lost by it: the store is written in one step at the end, and its lock ends with the process.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _compiled_json(compiled: Compiled, store: EngineStore) -> Dict[str, Any]:
    record = compiled.record
    report = {'name': compiled.name, 'file': os.path.join(store.folder, record['plan']['file']),
            'precision': record['key']['precision'], 'variant': record['variant'], 'reused': compiled.reused,
            'seconds': record['seconds'], 'bytes': record['plan']['bytes'], 'proof': record['proof'],
            'latency_ms': record['latency_ms'], 'low_memory': record['low_memory'], 'warnings': record['warnings'],
            'notes': list(compiled.notes) + record['notes'], 'record': record}
    if compiled.classifier is not None:
        report['classifier'] = _compiled_json(compiled.classifier, store)
    return report


def _compiled_text(compiled: Compiled, store: EngineStore) -> Iterator[str]:
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
    if compiled.classifier is not None:
        yield 'Its classifier:'
        yield from _compiled_text(compiled.classifier, store)


def _entries(store: EngineStore, names: Sequence[str]) -> List[Entry]:
    """The entries of these names, or all; refuses a name that is not there."""
    return [store.entry(name) for name in names] or store.list()


def _verify(store: EngineStore, entry: Entry, bundle: Bundle, facts: Dict[str, Any], cuda: str) -> Message:
    """Whether an engine may be used, as a message about it."""
    try:
        stored = store.load(entry)
        asked = EngineKey(stored.key.onnx_sha256, precision=stored.key.precision, flags=None, **facts)
        fields = asked.differences(stored.key)
        if fields:
            code = 'engine-foreign' if set(fields) & set(MACHINE_FIELDS) else 'engine-stale'
            return Message(code, 'It is not for this machine (%s).' % describe_differences(asked, stored.key, fields),
                           'Build one here with thermoscreen compile.', subject=entry.name)
        variant = stored.record['variant']
        network = next((network for network in bundle.networks if variant in network.variants
                        and network.sha256(variant) == stored.key.onnx_sha256), None)
        if network is None:
            return Message('engine-ok', 'It is intact and for this machine. It is not of the bundle %s, so its answer '
                           'was not checked.' % bundle.folder, severity=OK, subject=entry.name)
        proof, latency = prove_plan(network, stored.plan, stored.key.precision, variant, stored.record, cuda=cuda)
    except ThermoscreenError as error:
        return replace(error.message, subject=entry.name)
    return Message('engine-ok', 'It gives the golden answer; median %.2f ms of %d runs now, %.2f ms when it was built.'
                   % (latency['median'], latency['n'], stored.record['latency_ms']['median']), severity=OK,
                   subject=entry.name, facts={'proof': proof, 'latency_ms': latency})


def _line(record: Dict[str, Any]) -> str:
    return ('%s of %s %s, from %s, built %s in %.0f s, median %.2f ms then%s'
            % (record['key']['precision'].upper(), record['bundle']['id'], record['bundle']['version'],
               record['variant'], record['built_at'], record['seconds'], record['latency_ms']['median'],
               ', short of memory' if record['low_memory'] else ''))
