"""A progress bar for those who watch."""
import contextlib
import sys

import click


def bar(label):
    """A way to show samples being worked through.

    Args:
        label (str): what is done to them, such as ``'Evaluating'``.

    Returns:
        callable: samples to a context manager of the same samples, with a progress bar where standard error is a
        terminal and without one where nobody watches, such as in a pipe.
    """
    @contextlib.contextmanager
    def progress(samples):
        if not sys.stderr.isatty():
            yield samples
            return
        with click.progressbar(samples, label=label, file=sys.stderr,
                               item_show_func=lambda sample: sample and sample.key) as shown:
            yield shown

    return progress
