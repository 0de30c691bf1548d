"""Region labels of real thermograms with a bundle, and their score with an interval.

    python -m models.score_real BUNDLE MATRICES OUT --reference REGIONS

MATRICES holds NNNN.png, 16-bit, hundredths of a degree Celsius; OUT receives NNNN.png, 8-bit region
ids. REGIONS holds labels of the same names. Real patients are for this report only: nothing here
feeds a training or a choice.
"""
import json
from pathlib import Path

import click
import cv2
import numpy as np

from service.pipeline import Pipeline
from service.readers import read_thermogram
from service.record import encode_png
from service.regions import REGIONS

_COUNT = len(REGIONS)


def overlap(found, truth):
    """Pixels in both and in either label image, per region: two int arrays of 8."""
    pairs = np.bincount(truth.ravel().astype(np.int64) * _COUNT + found.ravel(), minlength=_COUNT * _COUNT)
    pairs = pairs.reshape(_COUNT, _COUNT)
    both = np.diag(pairs)
    return both, pairs.sum(0) + pairs.sum(1) - both


def score(overlaps, rounds=2000, seed=0):
    """IoU per region over all patients together, their mean, and its interval over patients.

    Args:
        overlaps (list): one `overlap` a patient.
        rounds, seed (int): of the bootstrap that draws patients with replacement.
    Returns:
        dict: patients, iou, miou, miou_ci95.
    """
    both, either = (np.array(part) for part in zip(*overlaps))
    iou = both.sum(0) / np.maximum(either.sum(0), 1)
    picks = np.random.default_rng(seed).integers(0, len(both), (rounds, len(both)))
    drawn = (both[picks].sum(1) / np.maximum(either[picks].sum(1), 1)).mean(1)
    return {'patients': len(both), 'iou': dict(zip(REGIONS, iou.round(4).tolist())),
            'miou': round(float(iou.mean()), 4),
            'miou_ci95': np.quantile(drawn, [0.025, 0.975]).round(4).tolist()}


@click.command(help=__doc__)
@click.argument('bundle', type=click.Path(exists=True, file_okay=False))
@click.argument('matrices', type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument('out', type=click.Path(file_okay=False, path_type=Path))
@click.option('--reference', type=click.Path(exists=True, file_okay=False, path_type=Path),
              help='Folder of true labels; patients without one are labelled and not scored.')
def main(bundle, matrices, out, reference):
    out.mkdir(parents=True, exist_ok=True)
    overlaps, refused = [], 0
    with Pipeline.from_folder(bundle) as pipeline:
        for path in sorted(matrices.glob('*.png')):
            result = pipeline.analyse(read_thermogram(str(path), scale='centicelsius'))
            refused += bool(result.refusals)
            labels = np.zeros(result.thermogram.pixels.shape, np.uint8) if result.labels is None else result.labels
            (out / path.name).write_bytes(encode_png(labels))
            truth = reference / path.name if reference else None
            if truth is not None and truth.exists():
                overlaps.append(overlap(labels, cv2.imread(str(truth), cv2.IMREAD_GRAYSCALE)))
    click.echo('%d thermograms labelled in %s, %d of them no result' % (len(list(out.glob('*.png'))), out, refused))
    if overlaps:
        click.echo(json.dumps(score(overlaps), indent=1))


if __name__ == '__main__':
    main()
