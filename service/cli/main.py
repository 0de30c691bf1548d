"""The program: one line and an exit code for everything that goes wrong."""
import logging
import os
import sys
from typing import List

import click

from .. import __version__
from ..messages import StorageError, ThermoscreenError
from .verbs import Verbs

#: Exit code for a fault of the program itself (EX_SOFTWARE of sysexits.h).
_EXIT_INTERNAL = 70

#: Comes with every Debian and Ubuntu, and implies no language.
_UTF8_LOCALE = 'C.UTF-8'
_MODULE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), '__main__.py')


@click.group(cls=Verbs, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='thermoscreen')
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
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING,
                        format='%(levelname)s %(name)s: %(message)s')


def main() -> None:
    """Run the command line and exit."""
    _ensure_utf8()
    debug = '--debug' in sys.argv
    try:
        code = program.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ThermoscreenError as error:
        click.echo('thermoscreen: %s' % error, err=True)
        if debug and error.detail:
            click.echo(error.detail, err=True)
        sys.exit(error.exit_code)
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
            click.echo('thermoscreen: %s' % lacking, err=True)
            sys.exit(lacking.exit_code)
        click.echo('thermoscreen: something went wrong inside the program (%s: %s). Run it again with --debug and '
                   'report what it prints. [internal]' % (type(error).__name__, error), err=True)
        sys.exit(_EXIT_INTERNAL)


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
