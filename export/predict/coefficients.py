"""The fitted model as the package brings it."""
import functools
import json
from pathlib import Path

from .judge import Model
from .roofline import Coefficients, Form

FILE = Path(__file__).parent / 'coefficients.json'

#: Targets whose figures the coefficients were fitted to.
TARGETS = ('jetson-nano', 'jetson-nano-8.0')


@functools.lru_cache(maxsize=None)
def document():
    """The whole file (dict), see `fit.make`."""
    return json.loads(FILE.read_text(encoding='utf-8'))


def load_model():
    """The fitted `Model`."""
    found = document()
    form = {key: value for key, value in found['form'].items() if key != 'name'}
    return Model(Coefficients(**found['coefficients']), Form(**form), found['enqueue']['us_per_layer'])
