"""Some thousand damaged files and frames end in an answer or in one sentence; ``python -m tests.fuzz`` feeds more."""
import struct
import sys

import pytest

from service.messages import CameraError, InputError
from tests.fuzz import TARGETS, run
from tests.fuzz.mutate import Mutator

#: Inputs of each target; the frames of wire formats are large, and their decoders short.
FILES, FRAMES = 120, 60
#: Bytes of fifty damaged inputs of 256, as both Python 3.6 and 3.11 make them.
DAMAGED_BYTES = 13956


@pytest.mark.parametrize('name', TARGETS)
def test_damaged_inputs_end_well(name):
    cases = FRAMES if name.startswith('wire ') else FILES
    report = run(TARGETS[name], cases)
    assert report.faults == []
    assert report.answered + sum(report.refused.values()) == report.cases == cases
    assert report.refused


def test_the_same_seed_damages_alike():
    """On every Python: the inputs that failed somewhere can be made again elsewhere."""
    mutator = Mutator('x/1', [bytes(range(256))])
    damaged = [mutator.damage(bytes(range(256))) for _ in range(50)]
    again = Mutator('x/1', [bytes(range(256))])
    assert [again.damage(bytes(range(256))) for _ in range(50)] == damaged
    assert sum(map(len, damaged)) == DAMAGED_BYTES and len(set(damaged)) > 45


class Careless:
    """A target that does what no reader may."""

    name, seeds, keeps_size, repair, suffix = 'careless', [bytes(200)], False, None, '.bin'
    refusals = (InputError, CameraError)

    def feed(self, data, folder):
        kind = sum(data) % 4
        if kind == 1:
            raise struct.error('unpack requires more')
        if kind == 2:
            raise InputError('bad', 'No sentence')
        if kind == 3:
            print('libpng error', file=sys.__stderr__, flush=True)


def test_what_no_reader_may_do_is_noticed(tmp_path):
    report = run(Careless(), 400, keep=str(tmp_path / 'kept'))
    said = ' '.join(report.faults)
    assert 'unpack requires more' in said and 'not one sentence' in said and 'libpng error' in said
    assert len(list((tmp_path / 'kept').iterdir())) == len(report.faults)
