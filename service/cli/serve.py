"""``thermoscreen serve``: the appliance."""
from typing import Any, Dict, Optional

import click

from ..messages import Message, ThermoscreenError
from ..supervise import PAGE, TRY_AGAIN_EXIT_CODE, Supervision, end_process, give_up_reason
from ..web.safe import serve_safe
from .options import bundle_option, camera_option, settings_option, threads_option

#: Where the page of safe mode is served when neither the command line nor an earlier start gives a usable address.
_ADDRESS = ('127.0.0.1', 8080)
_HOSTS = ('127.0.0.1', '::1', 'localhost')


@click.command()
@camera_option
@click.option('--host', metavar='ADDRESS', help='Loopback address of the page. Default: 127.0.0.1.')
@click.option('--port', type=int, metavar='N', help='Port of the page. Default: 8080.')
@click.option('--files-root', type=click.Path(), metavar='DIR', help='Folder whose files the page may open.')
@bundle_option
@threads_option
@settings_option
@click.option('--state', type=click.Path(), metavar='DIR',
              help='Folder of what is remembered across crashes. Default: the one that systemd gives; by hand, none.')
@click.option('--demo', is_flag=True, help='Demonstration: simulated patients, the sample files, exams that go '
              'when it ends.')
@click.option('--safe', is_flag=True, help='Safe mode: a page that says what happened, without camera and model.')
def serve(state: Optional[str], demo: bool, safe: bool, settings_path: Optional[str], **given: Any) -> None:
    """Serve the kiosk page: live picture, values, files.

    The page is served on this machine only. Ctrl-C stops it.

    Under systemd it reports when it is ready, and pings the watchdog while camera, analysis, disk and page answer. It
    starts in safe mode after a start that did not come up and after five crashes in a minute; nothing is deleted
    there, and Try again on its page leaves it.

    \b
    Exit codes:
      0   stopped as told
      2   settings, port, state folder in use
      3   model bundle
      4   model does not run      5   camera specification
      6   disk                    70  a fault of the program
      79  GPU lost, start again   80  Try again in safe mode, or another model: start again

    \b
    Example:
      thermoscreen serve --demo
      thermoscreen serve --camera replay:/media/usb --files-root /media/usb
    """
    end_process(_serve(Supervision(state), safe, settings_path, demo, given))


def _serve(supervision: Supervision, safe: bool, settings_path: Optional[str], demo: bool, given: Dict[str, Any]
           ) -> int:
    """Serve the station, or safe mode, until told to stop. Returns the exit code."""
    while True:
        try:
            reason = supervision.begin(safe)
            if reason is None:
                again = _serve_station(supervision, settings_path, demo, given)
                if not again or supervision.supervised:
                    return TRY_AGAIN_EXIT_CODE if again else 0
                continue
        except ThermoscreenError as error:
            supervision.refused()
            if not supervision.supervised:
                raise
            click.echo('thermoscreen: %s' % error, err=True)
            reason = give_up_reason(error)
        if not _serve_safe(supervision, reason, given):
            return 0
        supervision.leave_safe_mode()
        if supervision.supervised:
            return TRY_AGAIN_EXIT_CODE
        safe = False


def _serve_station(supervision: Supervision, settings_path: Optional[str], demo: bool, given: Dict[str, Any]) -> bool:
    from .station import serve_station  # numpy, OpenCV and the rest: safe mode does without
    return serve_station(supervision, settings_path, demo, given)


def _serve_safe(supervision: Supervision, reason: Message, given: Dict[str, Any]) -> bool:
    """Whether the operator pressed Try again."""
    last_host, last_port = supervision.record.address or _ADDRESS
    # The settings may be what is wrong: they are not read here, and the command line is checked.
    host = given['host'] if given['host'] in _HOSTS else last_host
    port = given['port'] if 0 < (given['port'] or 0) < 1 << 16 else last_port

    def ready() -> None:
        click.echo('thermoscreen is in safe mode: %s [%s] The page at http://%s:%d says what to do.'
                   % (reason.sentence, reason.code, host, port))
        supervision.ready((host, port), lambda: 'Safe mode: ' + reason.sentence, parts=(PAGE,))

    return serve_safe(reason, host, port, on_ready=ready, on_answer=supervision.page_answered,
                      on_stop=supervision.stopping)
