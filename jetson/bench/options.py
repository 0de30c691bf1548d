"""What the verbs of the benchmark share: option types, options, progress, and an end that keeps what was measured."""
import contextlib
import signal
import sys
import threading
from types import FrameType
from typing import Any, Callable, Iterator, Optional, TextIO

import click

from service.cli.options import bundle_option, camera_option, json_option, settings_option, threads_option


class _Amount(click.ParamType):
    """A number above zero, not nan or inf."""

    def __init__(self, name: str, high: float, suffix: str = '') -> None:
        self.name, self._high, self._suffix = name, high, suffix

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> float:
        """The number, or a usage error."""
        text = str(value)
        if self._suffix and text.endswith(self._suffix):
            text = text[:-len(self._suffix)]
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        # Written so that nan fails too.
        if not 0 < number <= self._high:
            self.fail('%s is not a number above 0 and up to %g' % (value, self._high), param, ctx)
        return number


#: Every sample of a benchmark is kept; for more than an hour, run a soak.
SECONDS = _Amount('seconds', 3600)
HOURS = _Amount('hours', 1000)
PERCENT = _Amount('percent', 1000, '%')


def measuring_options(content: str, out_required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options of every verb that measures: camera, ``--out``, bundle, threads, settings and JSON.

    Args:
        content: what is written to the folder of ``--out``.
        out_required: whether that must be given.
    """
    text = 'Folder for %s.%s' % (content, '' if out_required else ' Default: nothing is written.')
    out_option = click.option('--out', type=click.Path(), metavar='DIR', required=out_required, help=text)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (json_option, settings_option, threads_option, bundle_option, out_option, camera_option):
            command = option(command)
        return command

    return decorate


def refuse_group_options(ctx: click.Context) -> None:
    """Refuse options of the group before a subcommand, which would be ignored.

    Raises:
        click.UsageError: naming the first of them.
    """
    for param in ctx.command.params:
        if ctx.get_parameter_source(str(param.name)) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError('Write %s after %s, if %s has this option.'
                                   % (param.opts[0], ctx.invoked_subcommand, ctx.invoked_subcommand))


@contextlib.contextmanager
def until_stopped() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, with what was measured."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: Optional[FrameType]) -> None:
    raise KeyboardInterrupt


class Progress:
    """One line on a terminal that is overwritten each time; nothing where the stream is not a terminal."""

    def __init__(self, stream: Optional[TextIO] = None) -> None:
        self._stream = stream or sys.stderr
        self._width = 0

    def __call__(self, text: str) -> None:
        if self._stream.isatty():
            self._stream.write('\r%s%s' % (text, ' ' * max(0, self._width - len(text))))
            self._stream.flush()
            self._width = len(text)

    def end(self) -> None:
        """Clear the line."""
        if self._width:
            self._stream.write('\r%s\r' % (' ' * self._width))
            self._stream.flush()
            self._width = 0
