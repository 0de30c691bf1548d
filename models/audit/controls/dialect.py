"""File dialect alone: which program wrote the file."""
from ..inputs.base import Input

#: Facts that say where a file comes from and nothing of the patient.
_FACTS = ('dialect', 'camera', 'suffix')


def measure(frame):
    """One column per dialect, camera and suffix: 1 for the file's own."""
    return {'%s=%s' % (fact, frame.sample.facts[fact]): 1.0 for fact in _FACTS
            if frame.sample.facts.get(fact) is not None}


DIALECT = Input('file dialect', 'dialect, camera and suffix of the file', measure)
