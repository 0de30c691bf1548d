"""The report on its page, as PDF and as a file: the same numbers, and an impression that a reader enters."""
import re

from service.exams import Patient
from service.hospital.report import report_of
from service.hospital.site import Site
from service.web.report import report_document

from .test_api import as_documented
from .test_beside import ZOE, client, examined, picture, text_of, torso  # noqa: F401 (fixtures)

HOSTILE = Patient('P-<9>', '<script>alert(1)</script>', '')


def cells(html):
    """The texts of table cells, of definitions and of paragraphs, without tags."""
    found = re.findall(r'<(?:td|dd|p)\b[^>]*>(.*?)</(?:td|dd|p)>', html, re.S)
    return [' '.join(re.sub('<[^>]*>', '', text).split()) for text in found]


def test_the_page_and_the_file_say_the_same(client, exams, torso):  # noqa: F811
    examined(exams, ZOE, ('frontal', torso))
    exam_id = examined(exams, ZOE, ('frontal', torso), ('left-lateral', torso), signed=False)
    here = '/exams/%s/report' % exam_id
    assert '>Report</a>' in text_of(client.get('/exams/' + exam_id))
    page = text_of(client.get(here))
    assert 'This is a draft' in page and 'Change since the prior exam' in page and 'No reader has entered' in page
    report = report_of(exams, exams.get(exam_id), Site())
    document = report_document(report).decode('utf-8')
    assert document.count('src="data:image/png;base64,') == 2 and 'http' not in document.replace('http://www.w3', '')
    shown = cells(document)
    assert set(shown) <= set(cells(page)) | {''} and len(shown) > 100
    row = report.deciding.regions[0]
    assert ['Right breast', '%d' % row.pixels, '%.1f' % row.mean] == shown[shown.index('Right breast'):][:3]
    spans = set(re.findall(r'layer.png\?layer=original&amp;palette=iron&amp;span=([0-9.%C,]+)"', page))
    assert len(spans) == 1
    for address in re.findall(r'src="(/exams/[^"]*layer.png[^"]*)"', page):
        assert client.get(address.replace('&amp;', '&')).status_code == 200
    # In front of the signature, and after it, when it is an amendment.
    form = text_of(client.get('/exams/%s/impression?what=TH+2' % exam_id))
    assert 'name="grade" value="TH 2"' in form and 'No grade' in text_of(client.get('/exams/%s/impression' % exam_id))
    for text, grade in (('Alike on both sides.', 'TH 2'), ('Seen again.', 'No grade')):
        assert client.post('/exams/%s/impression' % exam_id, data={'text': text, 'grade': grade}).status_code == 303
        page = text_of(client.get(here))
        assert text in page and ('gives it: TH 2' in page) == (grade == 'TH 2')
        if grade == 'TH 2':
            exams.sign(exam_id, 'op')
    assert 'Amended since' in page and 'Impression of a reader' in page
    document, address = client.get('/api/v1/openapi.json').get_json(), '/exams/%s/report' % exam_id
    status, told = as_documented(document, 'get', address, client.get('/api/v1' + address))
    assert status == 200 and told['views'][0]['regions'][0] == row._asdict() and told['status'] == 'amended'
    assert told['purpose'] is None and told['last_mammogram'] is None
    assert len(told['prior']['changes']) == 12 and ZOE.name not in str(told) and 'Seen again' not in str(told)
    answer = client.get(here + '.pdf')
    assert answer.mimetype == 'application/pdf' and answer.data.startswith(b'%PDF')
    assert answer.headers['Cache-Control'] == 'no-store' and ZOE.name not in str(answer.headers)


def test_odd_exams_have_a_report_or_say_why_not(client, exams, picture, torso):  # noqa: F811
    exam_id = examined(exams, HOSTILE, ('frontal', torso._replace(signs={})), ('right-lateral', picture(relative=True)))
    page = text_of(client.get('/exams/%s/report' % exam_id))
    assert '<script>alert' not in page and '&lt;script&gt;alert' in page and 'Grey levels, no temperatures' in page
    assert b'<script>' not in report_document(report_of(exams, exams.get(exam_id), Site()))
    exam = exams.create(ZOE, 'op')
    assert 'The exam has no picture.' in text_of(client.get('/exams/%s/report' % exam.id))
    exams.discard(exam.id, 'op', 'example')
    for address, status in (('/exams/%s/report' % exam.id, 409), ('/exams/%s/report.pdf' % exam.id, 409),
                            ('/exams/0123456789abcdef/report', 404)):
        assert client.get(address).status_code == status, address
