"""Temperature and thresholds of a bundle's finding: from which data, chosen on whom, judged on whom."""
import numpy as np
import pytest

pytest.importorskip('sklearn', reason='scikit-learn is not installed here')

from models.calibrating.finding import fit_finding, positive_class  # noqa: E402
from models.data import Collection, Sample  # noqa: E402
from service.decode import temper  # noqa: E402
from service.messages import InputError  # noqa: E402

FINDING = {'name': 'heat', 'classes': ['usual', 'abnormal'], 'threshold': 0.5, 'threshold_basis': 'Set by hand.',
           'meaning': 'Nothing.'}


def _collection(n=200, classes=('usual', 'abnormal'), patients=None):
    samples = [Sample('k%03d' % i, 'p%03d' % (i % (patients or n)), {}, i % 2, None) for i in range(n)]
    return Collection('made up', samples, classes, ())


def _too_sure(collection, seed=0):
    """Probabilities whose logits are three times too large."""
    random = np.random.RandomState(seed)
    return {sample.key: float(1 / (1 + np.exp(-3 * random.normal(0.8 if sample.klass else -0.8, 1.2))))
            for sample in collection}


def test_temperature_and_thresholds():
    collection = _collection()
    probabilities = _too_sure(collection)
    fitted = fit_finding(FINDING, collection, probabilities, (1,))
    entry = fitted.entry
    assert fitted.chosen + fitted.judged == 200 and fitted.loss[1] < fitted.loss[0]
    assert 1.5 < entry['temperature'] < 5
    assert [point['name'] for point in entry['operating_points']] == ['sensitivity 90 %', 'specificity 90 %', 'youden']
    assert entry['threshold'] == entry['operating_points'][1]['threshold'] != FINDING['threshold']
    assert 'specificity 90 %' in entry['threshold_basis'] and 'judged on %d others' % fitted.judged in (
        entry['threshold_basis'])
    assert {name: entry[name] for name in ('name', 'classes', 'meaning')} == {
        name: FINDING[name] for name in ('name', 'classes', 'meaning')}
    # On all frames together the shares are near what was asked for; both halves are in there.
    shown = np.array([temper(probabilities[sample.key], entry['temperature']) for sample in collection])
    normal = np.array([sample.klass == 0 for sample in collection])
    assert (shown[normal] < entry['threshold']).mean() == pytest.approx(0.9, abs=0.07)


def test_a_temperature_that_does_not_help_other_patients_is_not_taken():
    collection = _collection(40)
    found = []
    for seed in range(12):
        random = np.random.RandomState(seed)
        drawn = {sample.key: float(random.uniform(0.3, 0.7)) for sample in collection}
        fitted = fit_finding(FINDING, collection, drawn, (1,))
        assert fitted.loss[1] <= fitted.loss[0]
        found.append(fitted.entry['temperature'])
    assert 1.0 in found


def test_the_same_seed_draws_the_same_halves():
    collection = _collection()
    first, again, other = (fit_finding(FINDING, collection, _too_sure(collection), (1,), seed=seed).entry
                           for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize('point', ['specificity', 'sensitivity', 'youden'])
def test_any_point_becomes_the_threshold(point):
    collection = _collection()
    entry = fit_finding(FINDING, collection, _too_sure(collection), (1,), point).entry
    chosen, = (made for made in entry['operating_points'] if made['name'].startswith(point))
    assert entry['threshold'] == chosen['threshold']


def test_few_frames_set_thresholds_only_on_request():
    collection = _collection(60)
    with pytest.raises(InputError) as caught:
        fit_finding(FINDING, collection, _too_sure(collection), (1,), least=50)
    assert caught.value.code == 'thresholds-few' and '--positive' in caught.value.message.text
    assert fit_finding(FINDING, collection, _too_sure(collection), (1,)).judged == 30


def test_one_class_only():
    collection = _collection(20)
    with pytest.raises(InputError):
        fit_finding(FINDING, collection, _too_sure(collection), (0, 1))


def test_classes_that_are_not_the_findings_own_must_be_named():
    assert positive_class(FINDING, ('usual', 'abnormal')) == (1,)
    assert positive_class(FINDING, ('Healthy', 'Sick')) is None
    assert positive_class(FINDING, ()) is None
    assert positive_class(FINDING, ('Healthy', 'Sick'), ('Sick',)) == (1,)
    with pytest.raises(InputError) as caught:
        positive_class(FINDING, ('Healthy', 'Sick'), ('Ill',))
    assert caught.value.code == 'class-unknown'
