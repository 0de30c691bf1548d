"""The report on paper: its numbers, who and what on every page, and whatever people typed."""
import re
import shutil
import subprocess

import pytest

from service.exams import DYNAMIC, Patient, guide
from service.hospital.printing import PrintingError, print_report
from service.hospital.report import report_of
from service.hospital.site import Site
from service.hospital.sources import SOURCES
from service.hospital.wording import Verbatim, sections_of, texts_of
from service.languages import Language
from service.messages import ADJUNCT_NOTICE

from ...fakes import frames
from ...fakes.pipelines import stub_pipeline
from .exams_made import CAMERA, examined, pictured, store

pytest.importorskip('reportlab', reason='reportlab is not installed here')

SITE = Site(institution='St. Mary\'s', station_name='THERMO1')
VIET = Patient('P-7', 'Nguyễn Thị Ánh Παπαδοπούλου Достоевская', '1981-04-05')
HOSTILE = '<b>&amp; <para> <img src="file:///etc/passwd"/> \u202eeno\x07'


@pytest.fixture(scope='module')
def torso():
    with stub_pipeline() as pipeline:
        yield pictured(pipeline, frames.torso())


@pytest.fixture
def exams(tmp_path):
    made = store(tmp_path / 'exams')
    yield made
    made.close()


def printed(tmp_path, report, paper='a4'):
    """Bytes and pages of a report, each page as its text without line ends."""
    from service.hospital.pdf import report_pdf
    data = report_pdf(report, paper)
    if shutil.which('pdftotext') is None:
        pytest.skip('pdftotext of poppler-utils is not installed here')
    path = tmp_path / 'report.pdf'
    path.write_bytes(data)
    text = subprocess.run(['pdftotext', '-layout', str(path), '-'], stdout=subprocess.PIPE, check=True).stdout
    return data, [' '.join(page.split()) for page in text.decode('utf-8').split('\f')[:-1]]


def test_the_numbers_on_paper_are_those_that_were_kept(exams, torso, tmp_path):
    exam = examined(exams, [('frontal', torso), ('left-oblique', torso)], VIET, {'room_c': 21.5})
    report = report_of(exams, exam, SITE)
    data, pages = printed(tmp_path, report)
    text = ' '.join(pages)
    for row in report.deciding.regions:
        line = '%s %d %.1f %.2f %.1f %.1f ±%.1f' % (row.region.replace('_', ' ').capitalize(), row.pixels, row.mean,
                                                    row.sd, row.p95, row.max, row.uncertainty_c)
        assert line in text, line
    for row, name in zip(report.deciding.pairs, ('Breasts', 'Nipples', 'Armpits')):
        assert '%s %+.1f %+.1f %+.1f ±%.1f %.1f does not exceed' % (name, row.mean, row.p95, row.max, row.uncertainty_c,
                                                                    row.threshold_c) in text
    for sign in report.deciding.signs:
        assert sign['value'] is None or re.search(r'%s.*?%.1f' % (re.escape(sign['title'].split()[0]), sign['value']),
                                                  text)
    for number, page in enumerate(pages, 1):
        for said in (VIET.name, VIET.birth_date, 'P-7', 'Exam 1', 'Breast thermal findings: Final', ADJUNCT_NOTICE,
                     'Page %d of %d' % (number, len(pages)), SITE.institution):
            assert said in page, (number, said)
        assert 'DRAFT' not in page
    assert report.models[0]['hash'] in text and '0042-7' in text and 'Guirro' in text
    # Nobody's name in what says of which file it is; the same bytes again, in this process and in another.
    head = subprocess.run(['pdfinfo', str(tmp_path / 'report.pdf')], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert 'Breast thermal findings, final' in head and 'Nguy' not in head and 'P-7' not in head and 'A4' in head
    assert data == print_report(report)
    fonts = subprocess.run(['pdffonts', str(tmp_path / 'report.pdf')], stdout=subprocess.PIPE, check=True).stdout
    assert all(line.split()[-5:-2] == ['yes', 'yes', 'yes'] for line in fonts.decode().splitlines()[2:])


def test_a_draft_shows_it_on_every_page_and_hostile_texts_stay_texts(exams, torso, tmp_path):
    exam = examined(exams, [('frontal', torso)], Patient('<i>&' + 'P' * 190, HOSTILE.replace('\x07', '') + 'W' * 130),
                    {'notes': HOSTILE.replace('\x07', '') * 30 + '\n\tx\n' + 'N' * 1500},
                    ['%d. %s' % (number, HOSTILE.replace('\x07', '')) for number in range(29)] + ['D' * 4000], 'review')
    exams.interpret(exam.id, 'ann', 'I' * 4000, 'Grade <b>')
    report = report_of(exams, exams.get(exam.id), SITE)
    _, pages = printed(tmp_path, report, 'letter')
    text = ''.join(pages).replace(' ', '')
    for said in ('<img', 'Grade<b>', '28.<b>&amp;', '\\u202eeno', 'ann,2027', '30deviations'):
        assert said in text, said
    assert all('Page %d of' % number in page and '<i>&' in page and 'Breast thermal findings: Draft' in page
               for number, page in enumerate(pages, 1))
    assert sum(page.replace(' ', '').count('I' * 20) for page in pages) and text.count('D') >= 4000


def test_every_text_has_a_place_in_the_other_language(exams, torso, tmp_path):
    """A dynamic exam, printed in German: nothing of the report's own words stays English."""
    exam = examined(exams, [(DYNAMIC, torso)] * 8, protocol=guide.SERIAL)
    report = report_of(exams, exam, Site(language='de'))
    german = Language('de')
    left = {text for text in texts_of(sections_of(report)) if not isinstance(text, Verbatim) and
            re.search('[A-Za-z]{4}', text) and german.translated(text) == text}
    # The same word in both, and what model and camera say of themselves.
    assert left == {'Name', 'Region', 'A stub for tests.', CAMERA['accuracy']}
    _, pages = printed(tmp_path, report)
    text = ' '.join(pages)
    assert 'Sekunden nach der Kühlung' in text and 'Seite 1 von %d' % len(pages) in text and 'Rechte Brust' in text


def test_nothing_reads_as_a_judgement(exams, torso):
    exam = examined(exams, [('frontal', torso)])
    examined(exams, [('frontal', torso)])
    texts = ' '.join(text for text in texts_of(sections_of(report_of(exams, exam, SITE)))
                     if not isinstance(text, Verbatim)).lower()
    assert not re.search(r'suspicious|\bnormal|\brisk|\bclear|malignant|benign', texts)


def test_sources_are_those_of_the_references(root):
    references = (root / 'docs' / 'references.md').read_text(encoding='utf-8')
    assert all('- [%s] %s\n' % source in references for source in SOURCES.items())


def test_what_cannot_be_printed_says_so(exams, torso):
    report = report_of(exams, examined(exams, [('frontal', torso)]), SITE)
    with pytest.raises(PrintingError, match='report-not-made') as caught:
        print_report(report, deadline_s=0.01)
    assert 'Timeout' in caught.value.detail
