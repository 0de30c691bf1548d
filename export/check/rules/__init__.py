"""The rules, one idea a function; importing this package registers them in `export.check.registry.RULES`."""
from . import (  # noqa: F401 - each registers its rules; the order is that in which they are asked
    attributes,
    files,
    implementations,
    inputs,
    operators,
    precision,
    quantisation,
    resize,
    shapes,
    types,
    versions,
)
