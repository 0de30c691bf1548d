"""What a Python takes that runs a share of the cases: ``--cases`` in tests/conftest.py."""
import pytest

from tests.conftest import share_of_cases


@pytest.mark.parametrize('count', [1, 2, 3, 4, 9])
def test_every_test_runs_and_the_cases_are_others(count):
    many = ['test_a.py::test_many[%d]' % number for number in range(count)]
    names = ['test_a.py::test_alone'] + many + ['test_b.py::test_many[0]']
    one, other = (share_of_cases(names, share) for share in ('1/4', '3/4'))
    assert {names[0], names[-1]} <= one & other
    assert len(one & set(many)) == len(many[::4]) and 1 <= len(other & set(many)) <= len(many[::4])
    assert count == 1 or not one & other & set(many)
    assert set().union(*(share_of_cases(names, '%d/4' % number) for number in (1, 2, 3, 4))) == set(names)
    # What noxfile.py has run beside 3.6.
    assert one | other | share_of_cases(names, '2/2') == set(names)
    assert share_of_cases(names, '1/1') == set(names)
