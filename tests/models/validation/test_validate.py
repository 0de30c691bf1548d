"""``thermoscreen validate`` from end to end: exams of a simulated site, and data that cannot be used."""
import json
import shutil

import pytest
from click.testing import CliRunner

for _library in ('sklearn', 'scipy', 'matplotlib', 'torch'):
    pytest.importorskip(_library, reason='the training extra is not installed: this is the device half')

from benchmarks.site import make_site  # noqa: E402
from models.evaluation import report as report_module  # noqa: E402
from models.validation import run as run_module  # noqa: E402
from models.validation.claims import MAY, VERDICTS  # noqa: E402
from models.validation.cli import validate_command  # noqa: E402
from service.messages import ADJUNCT_NOTICE, ThermoscreenError  # noqa: E402
from service.pipeline import Pipeline  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402

SEED, PATIENTS = 8800000, 2


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """A store of two patients who came twice, and what was planted in their left breasts."""
    folder = tmp_path_factory.mktemp('site') / 'exams-of-a-site'
    with Pipeline.from_folder(SHIPPED_BUNDLE, 1) as pipeline:
        return folder, make_site(str(folder), pipeline, PATIENTS, SEED, 0.3)


@pytest.fixture
def validate(monkeypatch, tmp_path):
    """Runs the verb without plots and without printing; gives its result and the folder of the report."""
    monkeypatch.setattr(report_module, 'draw_plots', lambda document: {})
    monkeypatch.setattr(run_module, 'print_page', lambda page, pdf: False)

    def call(data, *words, out=tmp_path / 'out'):
        return CliRunner().invoke(validate_command, ['--data', str(data), '--out', str(out), '--rounds', '100',
                                                     '--threads', '1', *map(str, words)]), out
    return call


def test_exams_of_a_station(site, validate, tmp_path):
    folder, planted = site
    diagnoses = tmp_path / 'diagnoses.csv'
    diagnoses.write_text('patient,class\nS-001,healthy\nS-002,sick\n')
    result, out = validate(folder, '--diagnoses', diagnoses)
    assert result.exit_code == 0, result.output
    document = json.loads((out / 'report.json').read_text())
    visits = document['repeats']['between visits']
    assert (visits['patients'], visits['n']) == (2, 4) and document['gate']['front']['n'] == 4
    # What changed between visits is what was planted, but for how each patient turned.
    found = [change for _, change in visits['measures']['breast']['pairs']]
    assert found == pytest.approx([planted[1] - planted[0], planted[3] - planted[2]], abs=0.2)
    assert not any('other bundles' in note for note in document['notes'])  # the site ran the bundle that is validated
    assert document['simulated'] and {claim['verdict'] for claim in document['claims']} <= set(VERDICTS) - {MAY}
    assert 'No audit: ' in document['no_audit'] and document['finding']['fewest'] == 1  # two patients have no folds
    page = (out / 'report.html').read_text()
    for claim in document['claims']:
        assert claim['claim'].split(' ')[0] in page
    assert page.count(ADJUNCT_NOTICE) >= 3 and 'These pictures are simulated' in page and 'Test and retest' in page
    again, _ = validate(folder, '--looks', '2')
    assert 'look 4 at these pictures' in again.output  # two elsewhere, the one before in this folder, and this one


def test_a_damaged_picture_is_one_line_and_the_others_go_on(site, validate, tmp_path):
    folder = tmp_path / 'site'
    shutil.copytree(str(site[0]), str(folder))
    first = sorted(folder.glob('exams/*/*/0001.tscap'))[0]
    first.write_bytes(first.read_bytes()[:3000])
    result, out = validate(folder)
    assert result.exit_code == 1 and result.stderr.count('\n') == 1 and 'not analysed' in result.stderr
    assert json.loads((out / 'report.json').read_text())['samples']['analysed'] == 3


def test_data_that_cannot_be_used_are_one_line_and_nothing_is_written(site, validate, tmp_path):
    (tmp_path / 'empty').mkdir()
    two = tmp_path / 'two' / 'images'
    two.mkdir(parents=True)
    first = sorted(site[0].glob('exams/*/*/0001.tscap'))[0]
    for name in 'ab':
        shutil.copy(str(first), str(two / (name + '.tscap')))
    (two.parent / 'patients.csv').write_text('file,patient\na.tscap,1\nb.tscap,2\n')
    others = tmp_path / 'others.csv'
    others.write_text('patient,class\nX,sick\n')
    for data, words, code in ((tmp_path / 'none', (), 'folder-missing'), (tmp_path / 'empty', (), 'folder-empty'),
                              (two.parent, (), 'patient-two-ids'),
                              (site[0], ('--diagnoses', others), 'patient-unknown'),
                              (site[0], ('--landmarks', others), 'table-columns'),
                              (site[0], ('--where', 'view=lateral'), 'fact-value')):
        result, out = validate(data, *words)
        error = result.exception
        assert isinstance(error, ThermoscreenError) and error.code == code and '\n' not in str(error)
        assert not out.exists()
