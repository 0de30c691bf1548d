"""The file-name grammar of DMR-IR, there and back; numbers of other exports are no patients."""
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import DmrName, parse_dmr_name  # noqa: E402
from service.messages import InputError  # noqa: E402

DATED = st.tuples(st.dates(datetime.date(1990, 1, 1)).map(str), st.integers(0, 99))
NAMES = st.builds(
    lambda patient, visit, view, kind, moment, snapshot, suffix:
        DmrName(patient, visit, view, kind, *moment, snapshot, suffix),
    st.integers(1, 9999), st.integers(1, 99), st.integers(1, 5), st.sampled_from(['static', 'dynamic']),
    st.one_of(st.just(('', None)), DATED), st.booleans(), st.sampled_from(['txt', 'jpg']))


@given(NAMES)
def test_round_trip(name):
    assert parse_dmr_name(str(name)) == name


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_none_or_refused(text):
    try:
        found = parse_dmr_name(text)
    except InputError as error:
        assert error.code in ('dmr-name', 'dmr-other-export')
    else:
        assert found is None or parse_dmr_name(str(found)) == found


def test_the_parts():
    name = parse_dmr_name('T0138.2.3.S.2013-09-06.00.txt')
    assert name == DmrName(138, 2, 3, 'static', '2013-09-06', 0, False, 'txt')
    assert name.stem == 'T0138.2.3.S.2013-09-06.00'
    assert parse_dmr_name('T0001.1.1.S.txt') == DmrName(1, 1, 1, 'static')
    assert parse_dmr_name('T0138.1.1.D.2013-09-06.19_snap.jpg').snapshot


@pytest.mark.parametrize('name', ['TFRON_V138_6-9-2013_00.txt', 'PAC_12_DN3.txt', 'PAC_12_DN3-dir.png',
                                  'IR_2013-09-06_12.jpg', '138-2.txt.jpg', '138_img_Static-Frontal_2013.txt'])
def test_other_exports_are_refused_in_words(name):
    with pytest.raises(InputError, match='not patients') as caught:
        parse_dmr_name(name)
    assert caught.value.code == 'dmr-other-export'


@pytest.mark.parametrize('name', ['T138.2.3.S.2013-09-06.00.txt', 'T0138.2.6.S.2013-09-06.00.txt',
                                  'T0138.2.3.S.2013-02-30.00.txt', 'T0000.1.1.S.txt', 'T0138.0.1.S.txt',
                                  'T0138.2.3.S.2013-09-06.txt', 'T0138.2.3.X.2013-09-06.00.jpg'])
def test_what_breaks_the_grammar_is_refused(name):
    with pytest.raises(InputError, match='does not follow') as caught:
        parse_dmr_name(name)
    assert caught.value.code == 'dmr-name'


@pytest.mark.parametrize('name', ['readme.txt', 'Torso.jpg', 'notes', '0001.png'])
def test_other_names_are_none_of_it(name):
    assert parse_dmr_name(name) is None
