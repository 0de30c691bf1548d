"""Labels of patients who were not trained on, fold by fold, through the device's own pipeline."""
from pathlib import Path

from service.durable import atomic_write
from service.pipeline import Pipeline
from service.record import encode_png

from ..data import check_leak, patient_folds
from ..evaluation.figures import judge_regions
from ..evaluation.outcomes import analyse_samples


def judge_folds(collection, train, out, folds=5, seed=2021):
    """Train and judge by patient folds; every patient is labelled by a network that never saw them.

    Args:
        collection (Collection): labelled samples.
        train (callable): (fold number, training Collection, folder) -> bundle folder.
        out (Path): receives ``fold-K/`` and ``labels/KEY.png`` (uint8 region ids), which score_regions.py reads.
        folds, seed (int): of the split.
    Returns:
        dict: figures of all patients together, as `models.evaluation.judge_regions` gives them.
    """
    outcomes, labels = [], Path(out) / 'labels'
    labels.mkdir(parents=True, exist_ok=True)
    for number, (known, held) in enumerate(patient_folds(collection.labelled(), folds, seed)):
        check_leak(known, held)
        folder = Path(out) / ('fold-%d' % number)
        bundle = train(number, known, folder)
        with Pipeline.from_folder(str(bundle)) as pipeline:
            outcomes += analyse_samples(
                pipeline, held, lambda key, found: atomic_write(str(labels / (key + '.png')), encode_png(found))
            ).outcomes
    return judge_regions(outcomes)
