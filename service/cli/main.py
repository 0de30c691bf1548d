"""The program: one line and an exit code for everything that goes wrong."""
import logging
import sys

import click

from .. import __version__
from ..messages import ThermoscreenError
from .utf8 import speak_utf8
from .verbs import Verbs

#: Exit code for a fault of the program itself (EX_SOFTWARE of sysexits.h).
_EXIT_INTERNAL = 70


@click.group(cls=Verbs, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='thermoscreen')
@click.option('--debug', is_flag=True, help='Show tracebacks and debug messages.')
@click.pass_context
def program(ctx, debug):
    """Breast thermography at the bedside: capture, regions, differences, overlay.

    Research and adjunct use only. Not for screening or diagnosis.

    \b
    Example:
      thermoscreen analyse thermogram.txt --out results
    """
    ctx.obj = {'debug': debug}
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING,
                        format='%(levelname)s %(name)s: %(message)s')


def main():
    """Run the command line and exit."""
    speak_utf8()
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
        _say(error, debug)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe left (`thermoscreen ... | head`); nobody is there to be told.
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        if debug:
            raise
        click.echo('thermoscreen: something went wrong inside the program (%s: %s). Run it again with --debug and '
                   'report what it prints. [internal]' % (type(error).__name__, error), err=True)
        sys.exit(_EXIT_INTERNAL)


def _say(error, debug):
    click.echo('thermoscreen: %s' % error, err=True)
    if debug and error.detail:
        click.echo(error.detail, err=True)
