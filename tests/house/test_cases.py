"""What a Python takes that runs a share of the tests: ``--tests`` and ``--cases`` in tests/conftest.py."""
import pytest

from tests.conftest import share_of


@pytest.mark.parametrize('count', [1, 2, 3, 4, 9])
def test_every_test_runs_and_the_cases_are_others(count):
    many = ['test_a.py::test_many[%d]' % number for number in range(count)]
    names = ['test_a.py::test_alone'] + many + ['test_b.py::test_many[0]']
    one, other = (share_of(names, cases=share) for share in ('1/4', '3/4'))
    assert {names[0], names[-1]} <= one & other
    assert len(one & set(many)) == len(many[::4]) and 1 <= len(other & set(many)) <= len(many[::4])
    assert count == 1 or not one & other & set(many)
    assert set().union(*(share_of(names, cases='%d/4' % number) for number in (1, 2, 3, 4))) == set(names)
    # What noxfile.py has run beside 3.6: the older two share the tests.
    older = [share_of(names, '1/2', '1/4'), share_of(names, '2/2', '1/4')]
    assert not older[0] & older[1] and all(older) and older[0] | older[1] == one
    assert share_of(names) == set(names)
