"""The shipped bundle on real patients, where their thermograms are at hand; they are no part of the project."""
import pytest

pytest.importorskip('sklearn', reason='the training extra is not installed: this is the device half')

from models.data import open_data  # noqa: E402
from models.evaluation.figures import judge_regions  # noqa: E402
from models.evaluation.outcomes import analyse_samples  # noqa: E402
from service.pipeline import Pipeline  # noqa: E402
from service.readers import read_thermogram  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402


@pytest.fixture(scope='module')
def pipeline():
    with Pipeline.from_folder(SHIPPED_BUNDLE) as started:
        yield started


def test_regions_of_patients_never_seen(pipeline, shared_data):
    """The bar of this network is 0.55; it scored 0.634, and n = 20 leaves an interval of 0.60 to 0.67."""
    run = analyse_samples(pipeline, open_data(shared_data / 'dmr').labelled())
    assert len(run.outcomes) == 20 and not run.failures
    assert all(outcome.answered for outcome in run.outcomes)
    assert judge_regions(run.outcomes)['all']['miou']['value'] >= 0.55


def test_raw_matrices_give_results(pipeline, shared_data):
    outcomes = [pipeline.analyse(read_thermogram(str(path))).outcome
                for path in sorted((shared_data / 'dmr' / 'raw').glob('*.txt'))]
    assert outcomes == ['result'] * 4
