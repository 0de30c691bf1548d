"""An exam in a real browser with fingers alone but for the name: every page fits, and a double tap is one picture."""
import pytest

from service.clock import Clock
from service.exams import DISCARDED, Exams, Patient
from service.sealing import PlainSealer

from .test_browser_access import measured

pytestmark = pytest.mark.browser


@pytest.fixture
def exams(tmp_path):
    made = Exams(str(tmp_path / 'exams'), PlainSealer(), None, Clock(synchronised=lambda: True),
                 room=lambda folder: None)
    yield made
    made.close()


@pytest.mark.parametrize('size', [(1024, 600), (1280, 800)])
def test_an_exam_from_its_beginning_to_its_amendment(serve, stub, camera, visit, exams, size):
    for number in range(7):
        exams.discard(exams.create(Patient('P-%d' % number, 'Anna-Katharina Ärmelström-Hohenlohe', '1960-02-03'),
                                   'op').id, 'op', 'example')
    seen = visit(serve(stub, camera, exams=exams), size=size).go('/exams')
    page = seen.page
    assert measured(seen) == {}
    page.click('text=New exam')
    page.wait_for_selector('[name=patient_id]')
    assert measured(seen) == {}
    page.fill('[name=patient_id]', 'P-99')
    page.fill('[name=patient_name]', 'Zoë O\'Hara')
    page.fill('[name=birth_date]', '1970-12-31')
    page.click('text=Begin')
    page.wait_for_selector('.takes')
    seen.wait("() => !document.getElementById('picture').hidden")
    assert measured(seen) == {}
    page.dblclick('text=Frontal')
    page.wait_for_selector('.taken img')
    page.click('text=Left oblique')
    seen.wait("() => document.querySelectorAll('.taken img').length === 2")
    exam = exams.get(exams.list()[0].row.id)
    assert [capture.role for capture in exam.captures] == ['frontal', 'left-oblique']
    assert measured(seen) == {}
    page.click('[data-view=summary]')
    seen.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    page.click('[data-view=exam]')
    page.click('text=Review')
    page.wait_for_selector('.shots')
    assert measured(seen) == {}
    page.click('.shots a')
    seen.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert measured(seen) == {}
    page.click('[data-view=signs]')
    seen.wait("() => document.querySelectorAll('table.signs tbody tr').length === 12")
    page.click('.back')
    page.click('text=Sign')
    page.click('text=Amend')
    page.fill('[name=reason]', 'typing error')
    page.fill('[name=text]', 'It was the left side.')
    assert measured(seen) == {}
    page.click('.main')
    page.click('text=More')
    page.wait_for_selector('.events')
    assert measured(seen) == {} and 'It was the left side.' in seen.text('.events')
    assert exams.list()[0].row.state == 'amended' and len(exams.list(state=DISCARDED)) == 7
    assert seen.complaints == []
