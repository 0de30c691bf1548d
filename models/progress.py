"""Progress of what takes long: a bar on terminals, lines in the log."""
import contextlib
import logging
import sys
from typing import Any, Callable, ContextManager, Iterable, Iterator

import click


def bar(label: str) -> Callable[[Iterable[Any]], ContextManager[Iterable[Any]]]:
    """A progress bar for samples.

    Args:
        label: what is done to them, such as ``'Evaluating'``.

    Returns:
        A function from samples to a context manager of the same samples, with a progress bar if standard error is a
        terminal.
    """
    @contextlib.contextmanager
    def progress(samples: Iterable[Any]) -> Iterator[Iterable[Any]]:
        if not sys.stderr.isatty():
            yield samples
            return
        with click.progressbar(samples, label=label, file=sys.stderr,
                               item_show_func=lambda sample: sample and sample.key) as shown:
            yield shown

    return progress


def log_progress() -> None:
    """Log the progress of this package: half an hour of silence would look like a hang."""
    log = logging.getLogger(__package__)
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter('%(asctime)s %(message)s', '%H:%M:%S'))
        log.addHandler(handler)
        log.propagate = False
