"""Which verbs there are, found without loading any of them."""
import importlib.util
import logging
import os
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import click

from ..messages import did_you_mean
from ..plugins import metadata, plugins

_log = logging.getLogger(__name__)

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

#: Entry-point group in which other packages register their verbs.
GROUP = 'thermoscreen.verbs'

#: The service's own verbs. They are listed here and not in setup.cfg, so that a bare checkout has them too.
_OWN = {
    'analyse': 'service.cli.analyse:analyse',
    'audit': 'service.cli.audit:audit',
    'backup': 'service.cli.backup:backup',
    'bundle': 'service.cli.bundle:bundle',
    'cameras': 'service.cli.cameras:cameras',
    'certificate': 'service.cli.certificate:certificate',
    'choose': 'service.cli.choose:choose',
    'convert': 'service.cli.convert:convert',
    'doctor': 'service.cli.installation:doctor',
    'exams': 'service.cli.exams:exams',
    'operators': 'service.cli.operators:operators',
    'restore': 'service.cli.restore:restore',
    'serve': 'service.cli.serve:serve',
    'settings': 'service.cli.installation:settings',
    'support': 'service.cli.support:support',
    'tokens': 'service.cli.tokens:tokens',
}


class Summary(NamedTuple):
    """What ``--help`` needs to know of a verb.

    Attributes:
        line: first sentence of its help.
        needs: libraries without which it is not offered.
    """

    line: str
    needs: Tuple[str, ...] = ()


#: Summaries of all verbs, since loading one takes up to seconds. tests/house/test_verbs.py compares them with the
#: commands; a verb that is not listed here is loaded for its line.
SUMMARIES = {
    'analyse': Summary('Analyse thermogram files.'),
    'audit': Summary('Verify the audit log, and sign its checkpoints.'),
    'backup': Summary('Back up the exams of this station to a medium, and verify a backup or test its restore.'),
    'bench': Summary('Measure how long a frame takes on this machine, from the camera to the encoded picture.'),
    'board': Summary('Show which machine this is, what it measures, and which sensors are missing.'),
    'bundle': Summary('Sign, verify and show model bundles, and change the model of a station.'),
    'calibrate': Summary('Add INT8 to BUNDLE: a Q/DQ variant and TensorRT\'s calibration cache.',
                         ('onnx', 'torch', 'sklearn')),
    'cameras': Summary('List the USB cameras that are plugged in.'),
    'certificate': Summary('Make, renew and show the certificate with which other machines open the page.'),
    'check': Summary('Check whether a target takes a bundle or an ONNX file, without the board.', ('onnx',)),
    'choose': Summary('Measure every backend and precision that this machine has for a bundle, and choose one.'),
    'compare': Summary('Compare the architectures: parameters, arithmetic, file size, latency, region overlap.',
                       ('torch',)),
    'compile': Summary('Compile a bundle into a TensorRT engine of this board, prove it and store it.'),
    'confounds': Summary('Audit the diagnoses of a collection for what should not predict them.',
                         ('sklearn', 'scipy', 'matplotlib', 'jinja2', 'torch')),
    'convert': Summary('Convert a thermogram or a recording.'),
    'doctor': Summary('Check versions, model, camera, disk, page and metrics.'),
    'engines': Summary('List, verify and remove the engines of this board.'),
    'evaluate': Summary('Judge a bundle on thermograms whose regions or diagnoses are known.',
                        ('sklearn', 'scipy', 'matplotlib', 'jinja2')),
    'exams': Summary('List, show, verify, repair, export, import and remove the exams of this station.'),
    'export': Summary('Export the network of CHECKPOINT, a run folder of thermoscreen train, as a bundle.',
                      ('torch', 'onnx', 'onnxsim')),
    'federate': Summary('Train one network in many clinics, of which none gives its pictures away.',
                        ('torch', 'lightning')),
    'few-shot': Summary('Adapt a network trained on phantoms to patients, of whom a few have labels.', ('torch',)),
    'labels': Summary('Send frames to CVAT or Label Studio, and take back what people drew.', ('defusedxml',)),
    'operators': Summary('List, add and remove operators, and give them PINs and roles.'),
    'preflight': Summary('Predict operators, memory, build time and latency of a network on a target, without the '
                         'board.', ('onnx',)),
    'prune': Summary('Remove the filters that contribute least from the segmenter of RUN, a run folder of thermoscreen '
                     'train.', ('torch', 'lightning', 'torch_pruning')),
    'queue': Summary('Say which frames to label next, and why.', ('onnx', 'onnxruntime', 'scipy')),
    'restore': Summary('Restore exams from a backup.'),
    'serve': Summary('Serve the kiosk page: live picture, values, files.'),
    'settings': Summary('Check a settings file and print the values in force.'),
    'support': Summary('Collect what helps from afar in one file, without anything about patients.'),
    'tokens': Summary('Add, list and remove the tokens with which other programs use the API.'),
    'train': Summary('Train the network of RECIPE, a name from --list or a TOML file.', ('torch', 'lightning')),
    'validate': Summary('Say what may and what may not be claimed of a bundle at this site, on its own exams.',
                        ('sklearn', 'scipy', 'matplotlib', 'jinja2', 'torch')),
}


def registered() -> Dict[str, 'metadata.EntryPoint']:
    """Every verb by name; the service's own win."""
    entries = {entry.name: entry for entry in plugins(GROUP)}
    entries.update((name, metadata.EntryPoint(name, target, GROUP)) for name, target in _OWN.items())
    return entries


class Group(click.Group):
    """A command group that says which of its commands may be meant."""

    def resolve_command(self, ctx: click.Context, args: List[str]) -> Any:
        """As click does it.

        Raises:
            click.UsageError: there is no such command.
        """
        if not args[0].startswith('-') and self.get_command(ctx, args[0]) is None:
            ctx.fail(('No such command %r. %s' % (args[0], did_you_mean(args[0], self.names()))).rstrip())
        return super().resolve_command(ctx, args)

    def names(self) -> List[str]:
        """The commands that may be meant."""
        return list(self.commands)


class MissingLibrary(click.ClickException):
    """A verb needs a library that is not installed here."""

    code = 'library-missing'


class Verbs(Group):
    """A command group whose commands are loaded when they are called.

    `service` imports none of the other packages; they register entry points. A verb that needs a library which is
    not installed (``train`` on a device without PyTorch) is left out of the list.
    """

    def names(self) -> List[str]:
        """Also those whose libraries are missing: calling one says so."""
        return list(registered())

    def list_commands(self, ctx: click.Context) -> List[str]:
        """The verbs whose package and libraries are here, in order."""
        return sorted(name for name, entry in registered().items() if all(map(_is_installed, _needs(entry))))

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """A verb, loaded.

        Raises:
            MissingLibrary: a library that it needs is not installed.
            Exception: anything else that is wrong with its module is a bug, and stays one.
        """
        entry = registered().get(cmd_name)
        if entry is None:
            return None
        try:
            command: click.Command = entry.load()
        except ImportError as error:
            library = (error.name or '').partition('.')[0]
            if not library or _is_installed(library):
                raise
            _log.debug('%s cannot be loaded.', entry.value, exc_info=True)
            raise MissingLibrary('%s needs %s, which is not installed here. %s'
                                 % (cmd_name, library, _workstation()))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs from `SUMMARIES`."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section('Commands'):
                formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in SUMMARIES:
            return SUMMARIES[name].line
        try:
            command = self.get_command(ctx, name)
        except Exception:
            _log.debug('%s cannot be loaded.', name, exc_info=True)
            return '(cannot be loaded; --debug says why)'
        return command.get_short_help_str(200) if command else ''


def _workstation() -> str:
    """How the person at this machine gets the verbs of the workstation."""
    if sys.version_info < (3, 11):
        return 'It runs on a workstation with Python 3.11 or newer, and this is %d.%d.' % sys.version_info[:2]
    requirements = os.path.join(_CHECKOUT, 'requirements', 'workstation.txt')
    if os.path.isfile(requirements):
        return 'Install the libraries of the workstation: %s -m pip install -r %s' % (sys.executable, requirements)
    return ('It runs from a checkout of the project on a workstation, after: python3 -m pip install -r '
            'requirements/workstation.txt')


def _needs(entry: 'metadata.EntryPoint') -> Tuple[str, ...]:
    """The verb's own package and its libraries."""
    summary = SUMMARIES.get(entry.name)
    module = entry.value.partition(':')[0]
    return (module.partition('.')[0],) + (summary.needs if summary else ())


def _is_installed(package: str) -> bool:
    """Whether a top-level package is here; it is not imported."""
    return package in sys.modules or importlib.util.find_spec(package) is not None
