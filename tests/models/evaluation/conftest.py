"""What the tests of the evaluation share; all of them need the training extra and none needs PyTorch."""
import pytest

for _library in ('sklearn', 'scipy', 'matplotlib'):
    pytest.importorskip(_library, reason='the training extra is not installed: this is the device half')

from models.evaluation.document import make_document  # noqa: E402
from models.evaluation.outcomes import analyse_samples  # noqa: E402
from tests.fakes.pipelines import stub_pipeline  # noqa: E402

from .made_up import STATED, torso_collection  # noqa: E402


@pytest.fixture(scope='session')
def judged():
    """(document, outcomes) of twelve torsos that a stub answers: every label right, every probability 0.2."""
    collection = torso_collection(12)
    with stub_pipeline() as pipeline:
        pipeline.bundle.manifest.raw.update(STATED)
        run = analyse_samples(pipeline, collection)
        return make_document(pipeline, collection, run, 'Patient-level: a test.', (1,),
                             {'sensitivity': 0.9, 'specificity': 0.9}, rounds=100), run.outcomes
