"""``thermoscreen engines``: what is in the store, whether it is still right, and away with it."""
import json

import click

from service.bundle import Trust, open_bundle
from service.cli.options import bundle_option, json_option, settings_option
from service.engines import EngineKey, machine_facts
from service.engines.key import describe_differences
from service.messages import ThermoscreenError

from .cli import engine_store, engines_option
from .proof import prove_plan


@click.group()
def engines():
    """List, verify and remove the engines of this board.

    \b
    Example:
      thermoscreen engines list
      thermoscreen engines verify
    """


@engines.command('list')
@engines_option
@settings_option
@json_option
def list_command(engines, settings_path, as_json):
    """List the engines with what they were built from and for.

    \b
    Example:
      thermoscreen engines list --json
    """
    _, store = engine_store(settings_path, engines)
    entries = store.list()
    if as_json:
        click.echo(json.dumps({'engines': [dict(entry.record or entry.problem.to_dict(), name=entry.name)
                                           for entry in entries], 'folder': store.folder}, indent=1))
        return
    for entry in entries:
        click.echo('%s: %s' % (entry.name, entry.problem.message.text if entry.problem else _line(entry.record)))
    if not entries:
        click.echo('No engines in %s; thermoscreen compile BUNDLE builds one.' % store.folder)


@engines.command('verify')
@click.argument('names', nargs=-1, metavar='[NAME]...')
@engines_option
@bundle_option
@settings_option
@json_option
@click.pass_context
def verify_command(ctx, names, engines, bundle, settings_path, as_json):
    """Check engines: every byte, whether they fit this machine, and the golden answer of the bundle.

    Without names every engine is checked. The golden pair is run for engines of the bundle in the settings or of
    --bundle; of others the bytes and the machine are checked. The exit code is 1 if one must not be used.

    \b
    Example:
      thermoscreen engines verify --bundle /media/usb/phantom-unet
    """
    settings, store = engine_store(settings_path, engines, bundle=bundle)
    opened = open_bundle(settings.bundle, trust=Trust.from_settings(settings))
    facts = machine_facts()
    reports = [_verify(store, entry, opened, facts) for entry in _named(store, names)]
    if as_json:
        click.echo(json.dumps({'engines': reports}, indent=1))
    else:
        for report in reports:
            click.echo('%s: %s' % (report['name'], report['message']))
    ctx.exit(0 if all(report['usable'] for report in reports) else 1)


@engines.command('remove')
@click.argument('names', nargs=-1, required=True, metavar='NAME...')
@engines_option
@settings_option
def remove_command(names, engines, settings_path):
    """Remove engines by name.

    \b
    Example:
      thermoscreen engines remove fp16-1a2b3c4d-sm53-trt8.2.1.8-9f8e7d6c
    """
    _, store = engine_store(settings_path, engines)
    for name in names:
        store.entry(name)
    with store.lock('removing engines'):
        for name in names:
            store.remove(name)
            click.echo('%s removed.' % name)


def _named(store, names):
    """The entries asked for, all where none is named; refuses a name that is not there."""
    return [store.entry(name) for name in names] or store.list()


def _verify(store, entry, bundle, facts):
    try:
        stored = store.load(entry)
        asked = EngineKey(stored.key.onnx_sha256, precision=stored.key.precision, flags=None, **facts)
        fields = asked.differences(stored.key)
        if fields:
            return _answer(entry, False, 'not for this machine (%s).' % describe_differences(asked, stored.key, fields))
        variant = stored.record['variant']
        if variant not in bundle.variants or bundle.sha256(variant) != stored.key.onnx_sha256:
            return _answer(entry, True, 'whole and for this machine; not of the bundle %s, so its answer was not '
                           'checked.' % bundle.folder)
        proof, latency = prove_plan(bundle, stored.plan, stored.key.precision, variant, stored.record)
    except ThermoscreenError as error:
        return dict(_answer(entry, False, error.message.text), code=error.code)
    return dict(_answer(entry, True, 'gives the golden answer; median %.2f ms of %d runs here, %.2f when it was built.'
                        % (latency['median'], latency['n'], stored.record['latency_ms']['median'])),
                proof=proof, latency_ms=latency)


def _answer(entry, usable, message):
    return {'name': entry.name, 'usable': usable, 'message': message}


def _line(record):
    return ('%s of %s %s, from %s, built %s in %.0f s, median %.2f ms then%s'
            % (record['key']['precision'].upper(), record['bundle']['id'], record['bundle']['version'],
               record['variant'], record['built_at'], record['seconds'], record['latency_ms']['median'],
               ', short of memory' if record['low_memory'] else ''))
