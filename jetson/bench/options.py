"""What the verbs of the benchmark share: kinds of values, options, and an end that keeps what was measured."""
import contextlib
import signal
import sys
import threading

import click


class _Amount(click.ParamType):
    """A number above zero; words such as nan and inf are none."""

    def __init__(self, name, most, suffix=''):
        self.name, self._most, self._suffix = name, most, suffix

    def convert(self, value, param, ctx):
        text = str(value)
        if self._suffix and text.endswith(self._suffix):
            text = text[:-len(self._suffix)]
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        # Written so that nan fails too.
        if not 0 < number <= self._most:
            self.fail('%s is no number above 0 and up to %g' % (value, self._most), param, ctx)
        return number


#: Every sample of a benchmark is kept; what takes longer than an hour is a soak.
SECONDS = _Amount('seconds', 3600)
HOURS = _Amount('hours', 1000)
PERCENT = _Amount('percent', 1000, '%')

source_option = click.option('--source', metavar='SPEC', help='Where frames come from: sim, sim:SEED, replay:FOLDER or '
                             'another camera. Default: the one in the settings.')


def out_option(what, required=False):
    """``--out DIR``; `what` says what is written there."""
    words = 'Folder for %s.%s' % (what, '' if required else ' Default: nothing is written.')
    return click.option('--out', type=click.Path(), metavar='DIR', required=required, help=words)


def refuse_group_options(ctx):
    """Options of the group in front of a subcommand would be ignored in silence.

    Raises:
        click.UsageError: naming the first of them.
    """
    for param in ctx.command.params:
        if ctx.get_parameter_source(param.name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError('%s belongs behind %s, as far as %s has it.'
                                   % (param.opts[-1], ctx.invoked_subcommand, ctx.invoked_subcommand))


@contextlib.contextmanager
def until_stopped():
    """SIGTERM ends what runs inside as Ctrl-C does: with what was measured."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number, frame):
    raise KeyboardInterrupt


class Progress:
    """One line on the terminal that is written over; nothing where nobody watches."""

    def __init__(self, stream=None):
        self._stream = stream or sys.stderr
        self._shown = 0

    def __call__(self, words):
        if self._stream.isatty():
            self._stream.write('\r%s%s' % (words, ' ' * max(0, self._shown - len(words))))
            self._stream.flush()
            self._shown = len(words)

    def end(self):
        """Leave the terminal as if nothing had been shown."""
        if self._shown:
            self._stream.write('\r%s\r' % (' ' * self._shown))
            self._stream.flush()
            self._shown = 0
