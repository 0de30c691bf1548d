"""Runs on collections: who is held out, what is measured, what the bundle says, what is refused."""
import dataclasses
import json

import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.data import read_split  # noqa: E402
from models.training import CollectionSource, run, train, weights  # noqa: E402
from models.training.run import summarise  # noqa: E402
from service.backends import OnnxRuntimeBackend  # noqa: E402
from service.bundle import open_bundle, prove  # noqa: E402
from service.messages import BundleError, InputError  # noqa: E402

from .small import Small, small_collection, small_recipe, three_classes  # noqa: E402

PATIENTS = dataclasses.replace(small_collection(12), name='clinic', classes=('Healthy', 'Sick'), notes=())


@pytest.fixture(scope='module', autouse=True)
def small_networks():
    with pytest.MonkeyPatch.context() as patch:
        for module in (run, weights):
            patch.setattr(module, 'build', lambda name, **options: Small(**options))
        yield


def _recipe(*changes, name='few-shot'):
    return small_recipe('training.epochs=1', 'data.val_share=0.3', *changes, name=name)


def _train(recipe, out, collection=PATIENTS, fold=None, **options):
    return train(recipe, CollectionSource(recipe, collection, fold), out, threads=1, workers=0, **options)


@pytest.fixture(scope='module')
def regions(tmp_path_factory):
    recipe = _recipe()
    return recipe, _train(recipe, tmp_path_factory.mktemp('regions'), fold=2)


@pytest.fixture(scope='module')
def finding(tmp_path_factory, regions):
    recipe = _recipe('network.options.findings=2', 'data.split=share', name='resnet18')
    return recipe, _train(recipe, tmp_path_factory.mktemp('finding'), regions=regions[1].folder)


def test_patients_are_on_one_side_and_it_is_written_down(regions):
    folder = regions[1].folder
    parts = read_split(folder / 'split.json', PATIENTS)
    assert set(parts) == {'training', 'validation', 'held-out'}
    assert sum(len(part) for part in parts.values()) == 12
    split = json.loads((folder / 'split.json').read_text())
    assert split['fold'] == 2 and split['collection'] == 'clinic'
    learnt = split['patients']['training'] + split['patients']['validation']
    assert sorted(learnt) == regions[1].metrics['training_patients']
    assert not set(learnt) & set(split['patients']['held-out'])


def test_regions_are_judged_on_the_held_out_with_an_interval(regions):
    metrics = regions[1].metrics
    assert 'of 2 patients of clinic, held out' in metrics['set'] or 'of 3 patients of clinic' in metrics['set']
    assert metrics['miou']['n'] in (2, 3)
    low, high = metrics['miou']['ci95']
    assert low <= metrics['miou']['value'] <= high
    assert 'finding' not in metrics


def test_a_bundle_that_only_marks_regions(regions):
    bundle = regions[1].bundle
    assert bundle.manifest.finding is None and bundle.manifest.roles == ('labels', 'confidence')
    assert 'clinic' in bundle.manifest['training_data'] and 'patients' in bundle.manifest['training_data']
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs, threads=1) as backend:
        assert prove(bundle, backend.infer)['labels_agreement'] == 1


def test_a_classifier_is_delivered_with_the_regions_of_another_run(finding):
    done = finding[1]
    bundle = open_bundle(str(done.folder / 'bundle'))
    stated = bundle.manifest.finding
    assert stated['name'] == 'Sick as the database states it' and stated['classes'] == ['Healthy', 'Sick']
    assert 'not a probability of cancer' in stated['meaning'] and 'confounds' in stated['meaning']
    assert 'neither trained on nor judged' in stated['threshold_basis']
    assert stated['threshold'] == done.metrics['finding']['threshold']
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs, threads=1) as backend:
        assert prove(bundle, backend.infer)['finding_error'] < 1e-3


def test_the_finding_has_n_and_intervals(finding):
    found = finding[1].metrics['finding']
    assert found['n'] == 4 and found['n_abnormal'] == 2
    assert {'auc', 'sensitivity', 'specificity'} <= set(found)
    assert found['sensitivity']['n'] == 2 and found['sensitivity']['interval'] == 'Wilson'


def test_a_stranger_understands_the_summary(finding, regions):
    text = '\n'.join(summarise(finding[1], finding[0]))
    assert 'Judged on 4 thermograms of 4 patients of clinic' in text
    assert '95 % interval' in text and 'n 2' in text and 'Bundle for the device' in text
    assert 'Regions: mean IoU' in '\n'.join(summarise(regions[1], regions[0]))


def test_a_classifier_alone_is_no_bundle_and_says_so(tmp_path):
    recipe = _recipe('network.options.findings=2', 'data.split=share', name='resnet18')
    done = _train(recipe, tmp_path)
    assert done.bundle is None and (tmp_path / 'model.onnx').exists() and not (tmp_path / 'bundle').exists()
    assert 'No bundle: The service needs regions' in '\n'.join(summarise(done, recipe))


def test_regions_of_another_input_are_refused_before_training(tmp_path, regions):
    recipe = _recipe('network.options.findings=2', 'data.split=share', 'input.chain=classic-1', name='resnet18')
    with pytest.raises(InputError, match='plateau-1 at 64x48 .* classic-1 at 64x48; one bundle has one input'):
        _train(recipe, tmp_path / 'run', regions=regions[1].folder)
    assert not (tmp_path / 'run').exists()


def test_a_network_that_needs_true_masks_is_written_and_refuses_the_device(tmp_path, regions):
    recipe = _recipe('network.options={channels=2, needs_mask=true}', 'data.split=share', 'input.mask=true',
                     name='resnet18')
    done = _train(recipe, tmp_path, regions=regions[1].folder)
    assert 'It refuses to be deployed: It was trained with true masks' in '\n'.join(summarise(done, recipe))
    with pytest.raises(BundleError, match='true masks'):
        open_bundle(str(tmp_path / 'bundle'))


def test_three_classes_and_other_regions(tmp_path):
    recipe = _recipe('network.options.findings=3', 'data.share=0.6', name='busi-resnet18')
    done = _train(recipe, tmp_path / 'classes', three_classes(18))
    assert done.metrics['finding']['malignant']['sensitivity']['n'] > 0
    assert 'tells 3 apart' in done.why_no_bundle or 'needs regions' in done.why_no_bundle
    assert 'Finding: benign: AUC' in '\n'.join(summarise(done, recipe))
    recipe = _recipe(name='busi-attention-unet')
    done = _train(recipe, tmp_path / 'lesions', three_classes(18))
    assert set(done.metrics['iou']) == {'background', 'lesion'}
    assert 'answers 2 others' in done.why_no_bundle


def test_an_image_level_split_is_said_first(tmp_path):
    recipe = _recipe('data.split=images')
    twice = dataclasses.replace(PATIENTS, samples=tuple(
        dataclasses.replace(sample, patient='p%d' % (number % 6)) for number, sample in enumerate(PATIENTS)))
    done = _train(recipe, tmp_path, twice)
    assert summarise(done, recipe)[1].startswith('NOTE: IMAGE-LEVEL SPLIT')
    assert 'IMAGE-LEVEL SPLIT' in done.bundle.manifest['training_data']


def test_nobody_held_out_is_said(tmp_path):
    done = _train(_recipe('data.split=all', 'data.val_share=0'), tmp_path)
    assert done.metrics['set'] == 'none: nobody was held out' and len(done.metrics['training_patients']) == 12


def test_other_patients_are_refused_in_the_same_folder(tmp_path, regions):
    with pytest.raises(InputError, match='other patients.*split.json'):
        _train(regions[0], regions[1].folder, fold=1)


@pytest.mark.parametrize('changes, collection, fold, said', [
    ((), PATIENTS, None, 'Say with --fold which one is held out, 1 to 5'),
    ((), PATIENTS, 6, 'Say with --fold'),
    (('data.split=share',), PATIENTS, 1, 'holds out no folds'),
    (('data.use=unlabelled',), PATIENTS, 1, 'none of what the recipe trains on .unlabelled'),
    (('data.where={kind="static"}',), PATIENTS, 1, 'kind = static'),
    (('task=finding', 'network.options.findings=3'), PATIENTS, 1, 'Set network.options.findings to 2'),
    (('data.mix_in=0.1',), PATIENTS, 1, 'Name its folder with --mix-in'),
    ((), PATIENTS[:3], 1, 'need at least 5'),
])
def test_what_cannot_be_split_is_one_line(changes, collection, fold, said):
    with pytest.raises(InputError, match=said):
        CollectionSource(_recipe(*changes), collection, fold)


def test_another_camera_is_mixed_into_training_alone():
    others = dataclasses.replace(small_collection(4, first=900), name='other camera', classes=('Healthy', 'Sick'))
    source = CollectionSource(_recipe('data.mix_in=0.1'), PATIENTS, 1, others)
    assert sum('mixed_in' in sample.facts for sample in source.train) == 1
    assert not any('mixed_in' in sample.facts for part in (source.val, source.held) for sample in part)
    assert any('mixed in from other camera' in note for note in source.notes)
