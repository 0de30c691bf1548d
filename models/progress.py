"""A progress bar on terminals."""
import contextlib
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
