"""Samples through the device's own pipeline."""
from typing import NamedTuple

from service.messages import InputError

from .outcome import Outcome, Overlap


class Run(NamedTuple):
    """What became of every sample.

    Attributes:
        outcomes (list of Outcome): of the samples that could be read, in the collection's order.
        failures (list of dict): ``key``, ``code``, ``message`` of the others.
    """

    outcomes: list
    failures: list


def analyse_samples(pipeline, samples, keep_labels=None, regions=True):
    """Analyse samples as the device would and compare the answers with what is known.

    Args:
        pipeline (service.pipeline.Pipeline): started.
        samples (iterable of models.data.Sample): a collection, or a progress bar over one.
        keep_labels (callable): receives (key, uint8 HxW labels) of every frame that got a result.
        regions (bool): whether the samples' labels are ids of `service.regions.REGIONS`.

    Returns:
        Run: a sample that cannot be used is named in it and the others go on.

    Raises:
        InputError: ``nothing-readable``, no sample could be used.
        BackendError: inference failed.
    """
    outcomes, failures = [], []
    for sample in samples:
        try:
            thermogram = sample.thermogram()
            truth = sample.labels(thermogram.pixels.shape) if regions and sample.labelled else None
        except InputError as error:
            failures.append({'key': sample.key, 'code': error.code, 'message': error.message.text})
            continue
        result = pipeline.analyse(thermogram)
        outcomes.append(_outcome(sample, result, truth))
        if keep_labels and not result.refusals:
            keep_labels(sample.key, result.labels)
    if not outcomes:
        raise _nothing(failures)
    return Run(outcomes, failures)


def _outcome(sample, result, truth):
    overlap = None
    if truth is not None:
        overlap = Overlap.refused(truth) if result.refusals else Overlap.of(result.labels, truth)
    return Outcome(
        key=sample.key, patient=sample.patient, facts=sample.facts, klass=sample.klass,
        refusals=tuple((check.code, check.sentence) for check in result.refusals),
        probability=result.finding and result.finding.probability, overlap=overlap,
        certainties={entry.region: entry.confidence for entry in result.regions},
        confidence=result.confidence, total_ms=result.timings_ms['total'])


def _nothing(failures):
    if not failures:
        return InputError('nothing-readable', 'There is no sample to evaluate; name other data.')
    return InputError('nothing-readable', 'None of the %d samples can be used; the first, %s: %s'
                      % (len(failures), failures[0]['key'], failures[0]['message']))
