"""The program: one line and an exit code for everything that goes wrong."""
import contextlib
import difflib
import itertools
import json
import logging
import os
import sys
from typing import List

import click

from .. import __version__
from ..logbook import LOGBOOK
from ..messages import Message, StorageError, ThermoscreenError, printable
from .verbs import Verbs

#: Exit code for a fault of the program itself (EX_SOFTWARE of sysexits.h).
_EXIT_INTERNAL = 70

#: Exit code after Ctrl-C, as of shells: 128 and the number of SIGINT.
_EXIT_INTERRUPTED = 130

#: Comes with every Debian and Ubuntu, and implies no language.
_UTF8_LOCALE = 'C.UTF-8'
_MODULE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), '__main__.py')


@click.group(cls=Verbs, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, '-V', '--version', prog_name='thermoscreen')
@click.option('--debug', is_flag=True, help='Show tracebacks and debug messages.')
@click.pass_context
def program(ctx: click.Context, debug: bool) -> None:
    """Breast thermography at the bedside: capture, regions, differences, overlay.

    Research and adjunct use only. Not for screening or diagnosis.

    \b
    Example:
      thermoscreen analyse thermogram.txt --out results
    """
    ctx.obj = {'debug': debug}
    handler = logging.StreamHandler()
    handler.addFilter(_make_printable)
    # The logbook first: the other one fills in the words of a record.
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[LOGBOOK, handler],
                        format='%(levelname)s %(name)s: %(message)s')


def _make_printable(record: logging.LogRecord) -> bool:
    """A name from outside neither acts on the terminal that shows the log, nor begins a line of its own."""
    record.msg, record.args = printable(record.getMessage()), ()
    return True


def main() -> None:
    """Run the command line and exit."""
    _ensure_utf8()
    debug = '--debug' in sys.argv
    try:
        code = program.main(prog_name='thermoscreen', standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption):
            error = click.NoSuchOption(error.option_name, possibilities=_close_options(error), ctx=error.ctx)
        error.message = '\n'.join(map(printable, error.message.split('\n')))  # type: ignore[misc]
        error.show()
        sys.exit(_report(Message(getattr(error, 'code', 'usage'), ' '.join(error.format_message().split())),
                         error.exit_code))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_report(Message('interrupted', 'It was interrupted.'), _EXIT_INTERRUPTED))
    except ThermoscreenError as error:
        sys.exit(_report_error(error, debug))
    except BrokenPipeError:
        # The reader of a pipe left (`thermoscreen ... | head`), and nobody reads a message.
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        if debug:
            raise
        if _lacks_temporary_folder(error):
            lacking = StorageError('temporary-folder', 'There is no folder for temporary files that can be written to.',
                                   'Set TMPDIR to one.')
            sys.exit(_report_error(lacking, debug))
        fault = Message('internal', 'something went wrong inside the program (%s: %s).' % (type(error).__name__, error),
                        'Run it again with --debug and report what it prints.')
        click.echo('thermoscreen: %s [%s]' % (fault.text, fault.code), err=True)
        sys.exit(_report(fault, _EXIT_INTERNAL))


def _report_error(error: ThermoscreenError, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    click.echo('thermoscreen: %s' % error, err=True)
    if debug and error.detail:
        click.echo('\n'.join(map(printable, error.detail.split('\n'))), err=True)
    return _report(error.message, error.exit_code, error.detail)


def _report(message: Message, exit_code: int, detail: str = '') -> int:
    """Print a failure as JSON too where JSON was asked for; the exit code."""
    if '--json' in itertools.takewhile(lambda word: word != '--', sys.argv[1:]):
        with contextlib.suppress(BrokenPipeError):
            click.echo(json.dumps(dict(message.to_dict(), outcome='failed', exit_code=exit_code, detail=detail)))
    return exit_code


def _close_options(error: click.NoSuchOption) -> List[str]:
    """The option that may be meant, as click prints it; releases of click differ in what they look for."""
    options = [name for param in error.ctx.command.params for name in param.opts] if error.ctx else []
    return difflib.get_close_matches(error.option_name, options, 1)


def _lacks_temporary_folder(error: Exception) -> bool:
    """Whether `tempfile` found none, for this program or for a library; it has no class of its own for that."""
    return isinstance(error, FileNotFoundError) and 'No usable temporary directory' in str(error)


def _ensure_utf8() -> None:
    """Start the program again in a UTF-8 locale, where Python 3.6 was started without one, as by systemd and cron.

    Without it click refuses to run, and file names would be damaged. Newer Pythons take care of it themselves
    (PEP 538). The process stays the same one, which systemd's watchdog relies on. Returns where there is nothing to
    do, and where another program calls this one.
    """
    if (sys.version_info >= (3, 7) or sys.getfilesystemencoding() != 'ascii'
            or os.environ.get('LC_ALL') == _UTF8_LOCALE):
        return
    started_as = _started_as(sys.argv[0])
    if started_as:
        os.environ['LC_ALL'] = _UTF8_LOCALE
        os.execv(sys.executable, [sys.executable] + started_as + sys.argv[1:])


def _started_as(path: str) -> List[str]:
    """Arguments that make this interpreter the program: its installed script, or ``python -m service``."""
    if os.path.abspath(path) == _MODULE:
        return ['-m', 'service']
    return [path] if os.path.basename(path) == 'thermoscreen' and os.path.isfile(path) else []
