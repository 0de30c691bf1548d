"""What the tests of `thermoscreen compile` share."""
import io

from jetson.compile import CompileOptions, Progress, compile_engine


def build(bundle, store, precision='fp16', screen=None, **options):
    """Compile without showing anything, unless a stream is given."""
    return compile_engine(bundle, store, precision, CompileOptions(**options), Progress(screen or io.StringIO(), 0.01))


def plans(store):
    """Name to plan of every engine in the store."""
    return {entry.name: store.load(entry).plan for entry in store.list()}
