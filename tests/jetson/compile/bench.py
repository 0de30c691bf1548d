"""What the tests of `thermoscreen compile` share."""
import io

import pytest

from jetson.compile import CompileOptions, Progress, compile_engine
from service.messages import BackendError, StorageError


def build(bundle, store, precision='fp16', screen=None, **options):
    """Compile without showing anything, unless a stream is given."""
    return compile_engine(bundle, store, precision, CompileOptions(**options), Progress(screen or io.StringIO(), 0.01))


def plans(store):
    """Name to plan of every engine in the store."""
    return {entry.name: store.load(entry).plan for entry in store.list()}


def refused(*arguments, **options):
    """The error of a build: one line."""
    with pytest.raises((BackendError, StorageError)) as caught:
        build(*arguments, **options)
    assert '\n' not in caught.value.message.text
    return caught.value
