"""What can be exported, and the message where it cannot."""
import shutil

import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.exporting.checkpoint import open_checkpoint  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from service.messages import BundleError, InputError  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402

from .small import STATEMENT, write_run  # noqa: E402


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('classifier'), 'network.architecture=resnet18', 'task=finding',
                     'loss.dice=0')


def refused(path, **options):
    with pytest.raises(InputError) as caught:
        open_checkpoint(path, **options)
    return caught.value


def test_a_run_becomes_a_package_with_its_network(package):
    assert set(package.files) == {'model.onnx', 'golden.npz'} and package.network is not None
    assert package.document['finding'] == STATEMENT['finding'] and package.document['metrics'] == {'miou': 0.01}
    assert package.document['training_data'] == 'Nothing.'


def test_two_exports_of_one_run_are_the_same_bytes_and_weights_may_be_named_themselves(run, package):
    other = open_checkpoint(run / 'weights.pt')
    assert package.files == other.files and package.document == other.document


def test_a_bundle_stays_as_it_is():
    package, bundle = open_checkpoint(SHIPPED_BUNDLE), open_bundle(SHIPPED_BUNDLE)
    assert package.network is None
    assert package.files[bundle.manifest['model']['file']] == bundle.model
    assert package.files[bundle.manifest['golden']['file']] == bundle.golden
    assert set(package.files) == set(bundle.manifest['files'])
    assert dict(package.document, files=bundle.manifest['files']) == bundle.manifest.raw


def test_a_changed_bundle_is_refused(tmp_path):
    shutil.copytree(str(SHIPPED_BUNDLE), str(tmp_path / 'bundle'))
    model = tmp_path / 'bundle' / 'model.onnx'
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(BundleError) as caught:
        open_checkpoint(tmp_path / 'bundle')
    assert caught.value.code == 'bundle-hash'


def test_an_older_run_has_its_statement_in_its_bundle(tmp_path, run, package):
    shutil.copytree(str(run), str(tmp_path / 'run'))
    package.write(tmp_path / 'run' / 'bundle')
    (tmp_path / 'run' / 'statement.json').unlink()
    (tmp_path / 'run' / 'metrics.json').unlink()
    assert open_checkpoint(tmp_path / 'run').document == package.document


def test_without_either_the_message_says_what_to_do(tmp_path):
    error = refused(write_run(tmp_path / 'run', statement=None))
    assert error.code == 'statement-missing' and 'train command again' in error.message.text


@pytest.mark.parametrize('text', ['[]', '{"limits": []}', 'not JSON'])
def test_a_damaged_statement_counts_as_missing(tmp_path, run, text):
    shutil.copy(str(run / 'weights.pt'), str(tmp_path))
    (tmp_path / 'statement.json').write_text(text)
    assert refused(tmp_path).code == 'statement-missing'


def test_a_folder_without_weights_is_refused(tmp_path):
    assert refused(tmp_path).code == 'weights-missing'
    (tmp_path / 'weights.pt').write_bytes(b'nothing')
    assert refused(tmp_path).code == 'weights-unreadable'


def test_a_network_that_wants_a_mask_is_refused(tmp_path):
    folder = write_run(tmp_path / 'run', 'network.architecture=resnet18', 'network.options={mask_channel=true}',
                       'task=finding', 'input.mask=true', 'loss.dice=0')
    error = refused(folder)
    assert error.code == 'mask-channel' and 'only predicted masks' in error.message.text


def test_a_classifier_needs_regions_and_takes_those_of_another_run(classifier, run):
    error = refused(classifier)
    assert error.code == 'export-no-bundle' and '--regions' in error.message.text
    package = open_checkpoint(classifier, regions=run)
    assert set(package.document['outputs']) == {'labels', 'confidence', 'finding'}


def test_regions_that_are_not_needed_are_refused(run):
    assert refused(run, regions=run).code == 'regions-unused'
    assert refused(SHIPPED_BUNDLE, regions=run).code == 'regions-unused'


def test_regions_of_another_input_are_refused(tmp_path, classifier):
    other = write_run(tmp_path / 'other', 'input.height=96')
    assert refused(classifier, regions=other).code == 'regions-other-input'


def test_three_classes_are_refused(tmp_path, run):
    folder = write_run(tmp_path / 'run', 'network.architecture=resnet18', 'network.options={findings=3}',
                       'task=finding', 'loss.dice=0')
    assert '3 apart' in refused(folder, regions=run).message.text


