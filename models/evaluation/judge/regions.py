"""Region figures of a run: overlap, outlines, areas, false regions, mixed-up regions."""
import numpy as np

from service.regions import BACKGROUND, REGIONS

from ..metrics import (
    ROUNDS,
    PatientBootstrap,
    bland_altman,
    dice,
    estimate,
    false_area,
    iou,
    mean_over_regions,
    mixups,
    spread,
)


def judge_regions(outcomes, rounds=ROUNDS, seed=0):
    """Figures of every frame with true labels.

    Args:
        outcomes (iterable of Outcome): those without labels are left out.
        rounds, seed (int): of the bootstrap over patients.

    Returns:
        dict: ``answered``, the figures of the frames that got a result, and ``all``, where a refused frame
        counts as all background; each as `region_figures` gives them. None without labelled frames.
    """
    labelled = [outcome for outcome in outcomes if outcome.overlap is not None]
    if not labelled:
        return None
    answered = [outcome for outcome in labelled if outcome.answered]
    return {'all': region_figures(labelled, rounds, seed), 'answered': region_figures(answered, rounds, seed)}


def region_figures(outcomes, rounds=ROUNDS, seed=0):
    """Figures of labelled frames.

    Args:
        outcomes (list of Outcome): with an overlap.
        rounds, seed (int): of the bootstrap over patients.

    Returns:
        dict: ``n`` frames, ``patients``; ``miou``, the mean over the regions of IoU over the pixels of all
        frames together, background included; ``regions``, per name: ``iou`` (same pixels), ``dice`` (mean
        over the frames that have the region), ``hd95_px`` (mean over the frames where both label images
        have it), ``missed`` (frames that have it and get none of it: ``n``, ``frames``), ``area`` (share of
        the picture in percent, found minus true, in the frames that have it) and ``false`` (as
        `metrics.false_area`); ``pixels``, the 8x8 table; ``mixups``.
    """
    bootstrap = PatientBootstrap([outcome.patient for outcome in outcomes], rounds, seed)
    pairs = np.array([outcome.overlap.pairs for outcome in outcomes], np.int64).reshape(-1, len(REGIONS), len(REGIONS))
    pooled, drawn = iou(pairs.sum(0)), iou(bootstrap.sums(pairs))
    return {
        'n': len(outcomes), 'patients': len(bootstrap.names),
        'miou': estimate(mean_over_regions(pooled), len(outcomes), spread(mean_over_regions(drawn)),
                         bootstrap.described),
        'regions': {name: _region(region, pairs, outcomes, bootstrap,
                                  estimate(pooled[region], len(outcomes), spread(drawn[:, region]),
                                           bootstrap.described))
                    for region, name in enumerate(REGIONS)},
        'pixels': pairs.sum(0).tolist(),
        'mixups': mixups(pairs.sum(0)),
    }


def _region(region, pairs, outcomes, bootstrap, overlap):
    true, found = pairs[:, region].sum(-1), pairs[:, :, region].sum(-1)
    there = true > 0
    figures = {'iou': overlap, 'dice': _mean(np.where(there, dice(pairs)[:, region], np.nan), bootstrap)}
    if region == BACKGROUND:
        return figures
    distances = np.array([outcome.overlap.hd95_px[region] for outcome in outcomes], np.float64)
    percent = 100.0 / np.maximum(pairs.sum((1, 2)), 1)
    return dict(figures, hd95_px=_mean(distances, bootstrap),
                missed={'n': int(there.sum()), 'frames': int((there & (found == 0)).sum())},
                area=_area(found * percent, true * percent, there, bootstrap),
                false=false_area(pairs, region))


def _mean(values, bootstrap):
    known = np.isfinite(values)
    return estimate(values[known].mean() if known.any() else None, known.sum(), spread(bootstrap.means(values)),
                    bootstrap.described)


def _area(found, true, there, bootstrap):
    figures = bland_altman(found[there], true[there])
    figures['bias'] = _mean(np.where(there, found - true, np.nan), bootstrap)
    figures['found'], figures['true'] = (np.round(part[there], 4).tolist() for part in (found, true))
    figures['limits'] = figures['limits'] and [round(limit, 4) for limit in figures['limits']]
    figures['sd'] = None if figures['sd'] is None else round(figures['sd'], 4)
    return figures
