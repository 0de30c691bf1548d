"""Which verbs there are, found without importing what they need."""
import importlib

import click

from ..offered import offered

#: Verbs of the service itself, so that they work from a bare checkout too.
_OWN = {
    'analyse': 'service.cli.analyse:analyse',
    'bundle': 'service.cli.bundle:bundle',
    'cameras': 'service.cli.cameras:cameras',
    'choose': 'service.cli.choose:choose',
    'convert': 'service.cli.convert:convert',
    'doctor': 'service.cli.doctor:doctor',
    'serve': 'service.cli.serve:serve',
    'settings': 'service.cli.settings:settings',
}

#: Entry-point group in which the other packages offer their verbs.
GROUP = 'thermoscreen.verbs'


class Verbs(click.Group):
    """A command group whose commands are imported when they are called.

    `service` imports none of the other packages; they register entry points. A verb whose library
    is not installed (`train` on a device without PyTorch) is left out of the list.
    """

    def list_commands(self, ctx):
        return sorted(name for name in _targets() if self._load(name) is not None)

    def get_command(self, ctx, name):
        if name not in _targets():
            return None
        command = self._load(name)
        if command is None:
            raise click.ClickException('%s needs libraries that are not installed here; see the README of the '
                                       'package that offers it.' % name)
        return command

    @staticmethod
    def _load(name):
        module, _, attribute = _targets()[name].partition(':')
        try:
            return getattr(importlib.import_module(module), attribute)
        except ImportError:
            if name in _OWN:
                raise
            return None


def _targets():
    """Verb name to ``module:attribute``; what the service offers itself comes first."""
    return dict(offered(GROUP), **_OWN)
