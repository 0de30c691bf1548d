"""How far predicted nipples lie from where they are: against true labels, or against boxes drawn on the same frames."""
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from models.data import Collection
from models.data.files import read_table
from models.statistics import ROUNDS, PatientBootstrap
from service.messages import InputError
from service.regions import LEFT_NIPPLE, REGIONS, RIGHT_NIPPLE

#: Distances between the centres of a predicted and a true nipple, pixels of a picture of so many rows.
ROWS, NEAR_PX, FAR_PX = 480, 12, 25

NIPPLES = (RIGHT_NIPPLE, LEFT_NIPPLE)

#: Name of the table of boxes, in the folder of the data.
TABLE = 'landmarks.csv'
_BOX = ('x0', 'y0', 'x1', 'y1')

#: Row and column of the centre of a nipple, pixels, by region id.
Centres = Dict[int, Tuple[float, float]]


def centre_of(mask: np.ndarray) -> Optional[Tuple[float, float]]:
    """Row and column of the centre of a bool HxW mask; None where it is empty."""
    rows, columns = np.nonzero(mask)
    return (float(rows.mean()), float(columns.mean())) if len(rows) else None


def centre_error(predicted: np.ndarray, truth: np.ndarray) -> Optional[float]:
    """Distance between the centres of two masks, in pixels of a picture of 480 rows.

    Args:
        predicted, truth: bool HxW.

    Returns:
        Infinity where nothing is predicted; None where there is nothing in truth.
    """
    centre = centre_of(truth)
    return None if centre is None else _distance(predicted, centre)


def nipple_errors(labels: Optional[np.ndarray], centres: Centres) -> List[float]:
    """Distances from predicted nipples to where they are, in pixels of a picture of 480 rows.

    Args:
        labels: uint8 HxW region ids; None for a frame without a result.
        centres: of the nipples that are known.

    Returns:
        One for each of `centres`; infinity where that nipple was not predicted.
    """
    return [float('inf') if labels is None else _distance(labels == nipple, centre)
            for nipple, centre in sorted(centres.items())]


def nipple_figures(errors: Sequence[float], owners: Sequence[Any], rounds: int = ROUNDS, seed: int = 0
                   ) -> Dict[str, Any]:
    """Shares of nipples that lie near and far.

    Args:
        errors: N distances as of `nipple_errors`.
        owners: N, the patient of each.
        rounds, seed: of the bootstrap over patients.

    Returns:
        ``n`` nipples, ``patients``, ``median_px`` (None where most were not found), and the estimates ``near`` (within
        `NEAR_PX`) and ``far`` (beyond `FAR_PX`, or not found).
    """
    distances, counted = np.asarray(errors, np.float64), np.ones(len(errors), bool)
    bootstrap = PatientBootstrap(owners, rounds, seed)
    median = float(np.median(distances)) if len(distances) else float('nan')
    return {'n': len(distances), 'patients': len(bootstrap.names),
            'median_px': round(median, 2) if np.isfinite(median) else None,
            'near': bootstrap.proportion(distances <= NEAR_PX, counted),
            'far': bootstrap.proportion(distances > FAR_PX, counted)}


def read_landmarks(path: Path, collection: Collection) -> Tuple[Dict[str, Centres], int]:
    """The nipples of a table of boxes: columns structure, x0, y0, x1, y1 in pixels, and file or patient.

    ``structure`` is the name of a region; of others than nipples nothing is taken. ``file`` is the name of a picture,
    with or without its suffix; ``patient`` alone is enough where she has one picture.

    Returns:
        Centres by the key of the sample, and how many rows are of no sample of the collection.

    Raises:
        InputError: ``landmark-box``, ``landmark-structure``, ``landmark-frame``, or what is wrong with the table.
    """
    found: Dict[str, Centres] = {}
    others = 0
    keys = set(collection.keys)
    by_patient: Dict[str, List[str]] = {}
    for sample in collection:
        by_patient.setdefault(_plain(sample.patient), []).append(sample.key)
    for row in read_table(path, ('structure',) + _BOX):
        where = '%s, line %d' % (path.name, row['line'])
        if row['structure'] not in REGIONS:
            raise InputError('landmark-structure', '%s has the structure %s, which is no region; they are %s.'
                             % (where, row['structure'][:40], ', '.join(REGIONS[1:])))
        try:
            left, top, right, bottom = (float(row[side]) for side in _BOX)
        except ValueError:
            left = right = top = bottom = float('nan')
        if not (np.isfinite([left, top, right, bottom]).all() and left <= right and top <= bottom):
            raise InputError('landmark-box', '%s is no box: x0, y0, x1 and y1 are pixels, from left to right and from '
                             'top to bottom.' % where, 'Correct it.')
        region = REGIONS.index(row['structure'])
        key = _key(row, keys, by_patient, where)
        others += key is None
        if key is not None and region in NIPPLES:
            found.setdefault(key, {})[region] = (top + bottom) / 2, (left + right) / 2
    return found, others


def _key(row: Dict[str, Any], keys: Any, by_patient: Dict[str, List[str]], where: str) -> Optional[str]:
    if row.get('file'):
        return next((key for key in (row['file'], Path(row['file']).stem) if key in keys), None)
    if not row.get('patient'):
        raise InputError('landmark-frame', '%s says neither a file nor a patient.' % where, 'Add a column file.')
    pictures = by_patient.get(_plain(row['patient']), [])
    if len(pictures) > 1:
        raise InputError('landmark-frame', '%s is of the patient %s, who has %d pictures.'
                         % (where, row['patient'], len(pictures)), 'Add a column file.')
    return pictures[0] if pictures else None


def _plain(patient: str) -> str:
    """A number without the zeros before it."""
    return str(int(patient)) if patient.isascii() and patient.isdigit() else patient


def _distance(mask: np.ndarray, centre: Tuple[float, float]) -> float:
    found = centre_of(mask)
    if found is None:
        return float('inf')
    return float(np.hypot(found[0] - centre[0], found[1] - centre[1])) * ROWS / len(mask)
