"""What the gate says: to things that are no patient, to views that are not wanted, and to patients who stand right.

Every frame is a phantom, of a seed that is counted up: the table is the same on every machine but for what another
version of OpenCV or ONNX Runtime rounds otherwise.

    python -m benchmarks.gate [--n 8] [--patients 6] [--seconds 3] [--folder PICTURES] [--threads 0]
"""
from collections import Counter
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import click
import numpy as np

from service import views
from service.cameras.registry import make_camera
from service.condition import Condition
from service.gate import Wanted, check_gate
from service.live.guidance import Guidance
from service.pipeline import Pipeline
from service.quality import QualityLimits
from service.readers import find_thermograms, read_thermogram
from service.settings import SHIPPED_BUNDLE
from service.simulator import FACINGS, THINGS, Description, make_phantom
from service.simulator.anatomy import ARMS_RAISED
from service.thermogram import Thermogram

from .conditions import conditions
from .faults import CAMERAS, SimulatedClock

#: Of a Lepton 3.5.
HEIGHT, WIDTH = 120, 160

#: Frames are looked at so often: a Lepton's rate, and a Nano's way through every other camera.
_EVERY_S = 1 / 9.0

_FRONT = views.RAISED_ARMS
_OTHER_SIDE = {'left': 'right', 'right': 'left'}


class Subject(NamedTuple):
    """One row: what is shown, for which view, and the frame of a seed."""

    shown: str
    role: str
    frame: Callable[[int], np.ndarray]


def phantom(**description: Any) -> Callable[[int], np.ndarray]:
    """The frames of a description."""
    def frame(seed: int) -> np.ndarray:
        return make_phantom(seed, HEIGHT, WIDTH, False, Description(**description)).celsius

    return frame


def warm_thing(is_box: bool) -> Callable[[int], np.ndarray]:
    """A ball or a box as warm as skin before a wall, as large as a trunk may be."""
    def frame(seed: int) -> np.ndarray:
        rng = np.random.RandomState(seed)
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        away = np.abs(np.array([y - HEIGHT / 2.0, x - WIDTH / 2.0])) / (HEIGHT * rng.uniform(0.25, 0.48))
        distance = away.max(axis=0) if is_box else np.hypot(*away)
        inside = np.clip(40 * (1 - distance), 0, 1)
        skin = rng.uniform(29, 36) - rng.uniform(0, 2) * distance ** 2 + rng.uniform(-1, 1) * y / HEIGHT
        return (rng.uniform(20, 24) * (1 - inside) + skin * inside + rng.normal(0, 0.05, x.shape)).astype(np.float32)

    return frame


def subjects() -> List[Subject]:
    """Every row."""
    rows = [Subject(thing, _FRONT, phantom(thing=thing)) for thing in THINGS]
    rows += [Subject(name, _FRONT, warm_thing(is_box)) for name, is_box in (('ball', False), ('warm box', True))]
    rows += [Subject('torso, picture turned by 90°', _FRONT, _lying),
             Subject('defocus, sigma 15 of 480 lines', _FRONT, phantom(rotation_deg=0.0, defocus=15 / 480.0)),
             Subject('right breast absent', _FRONT, phantom(rotation_deg=0.0, right_breast='flat')),
             Subject('both breasts absent', _FRONT, phantom(rotation_deg=0.0, right_breast='flat', left_breast='flat'))]
    rows += [Subject('torso turned by %d°' % turn, _FRONT, phantom(rotation_deg=float(turn)))
             for turn in (10, 15, 20, 30, 90, 180)]
    for facing in FACINGS[1:]:
        side, kind = facing.split('-')
        twin = '%s-%s' % (side, 'lateral' if kind == 'oblique' else 'oblique')
        for role in (facing, _FRONT, '%s-%s' % (_OTHER_SIDE[side], kind), twin):
            rows.append(Subject(facing, role, phantom(facing=facing)))
    rows.append(Subject('view from the front', views.LEFT_OBLIQUE, phantom(rotation_deg=0.0, arms=ARMS_RAISED)))
    rows.append(Subject('view from the front', _FRONT, phantom(rotation_deg=0.0, arms=ARMS_RAISED)))
    return rows


def _lying(seed: int) -> np.ndarray:
    upright = make_phantom(seed, WIDTH, HEIGHT, False, Description(rotation_deg=0.0)).celsius
    return np.ascontiguousarray(np.rot90(upright))


def judge(pipeline: Pipeline, thermogram: Thermogram, role: str) -> Tuple[str, bool]:
    """What the gate says first to one frame, ``'green'`` for nothing, and whether a picture is blocked."""
    checks = check_gate(pipeline.analyse(thermogram), Condition(), Wanted(role), QualityLimits())
    said = [check for check in checks if check.holds_up]
    blocking = [check for check in said if check.message.severity == 'problem']
    codes = [check.message.code for check in blocking or said]
    return (codes[0] if codes else 'green'), bool(blocking)


def tell(pipeline: Pipeline, rows: List[Subject], n: int) -> None:
    """Print what is said to every subject."""
    print('\n| shown | wanted | n | green | blocked | said first |\n| --- | --- | --- | --- | --- | --- |')
    for row in rows:
        seen = [judge(pipeline, Thermogram.from_celsius(row.frame(1000 + seed), 'phantom'), row.role)
                for seed in range(n)]
        said = Counter(code for code, _ in seen if code != 'green')
        print('| %s | %s | %d | %d | %d | %s |'
              % (row.shown, row.role, n, n - sum(said.values()), sum(blocked for _, blocked in seen), _counted(said)),
              flush=True)


def _counted(said: Dict[str, int]) -> str:
    return ', '.join('%s %d' % entry for entry in Counter(said).most_common())


def follow(pipeline: Pipeline, camera: str, patients: int, seconds: float) -> None:
    """Print how often the gate is green before patients who breathe, seen by one camera."""
    green, frames, said = 0, 0, Counter()  # type: ignore[var-annotated]
    for seed in range(1, patients + 1):
        clock = SimulatedClock()
        guidance, taken = Guidance(QualityLimits(), 100.0), 0
        with make_camera('simusb:%s?seed=%d' % (camera, seed), clock) as source:
            began_s = clock.now()
            while clock.now() - began_s < seconds:
                frame = source.read(5.0)
                gate = guidance.follow(pipeline.analyse(frame.thermogram), frame, {})
                taken += 1
                green += gate['gate_ready']
                if gate['gate_says']:
                    said[gate['gate_says']['code']] += 1
                clock.sleep(max(0.0, began_s + taken * _EVERY_S - clock.now()))
        frames += taken
    print('| %s | %d | %d | %.0f %% | %s |' % (camera, patients, frames, 100.0 * green / frames, _counted(said)),
          flush=True)


def files(folder: str) -> Iterator[Thermogram]:
    """The thermograms of a folder."""
    for path in find_thermograms([folder]):
        yield read_thermogram(path, scale='centicelsius')


@click.command()
@click.option('--n', default=8, help='Frames of every row of the first table; 0 leaves it out.')
@click.option('--patients', default=6, help='Patients before every camera; 0 leaves the second table out.')
@click.option('--seconds', default=3.0, help='For how long each is looked at.')
@click.option('--folder', default=None, help='Thermograms of patients seen from the front, arms raised, instead.')
@click.option('--threads', default=0, help='Threads of one inference; 0 for all cores.')
def main(n: int, patients: int, seconds: float, folder: Optional[str], threads: int) -> None:
    """Print the tables as Markdown."""
    with Pipeline.from_folder(SHIPPED_BUNDLE, threads) as pipeline:
        print(conditions(threads))
        identity = pipeline.bundle.manifest.identity
        print('bundle %s %s' % (identity['id'], identity['version']))
        if folder is not None:
            seen = [judge(pipeline, thermogram, _FRONT) for thermogram in files(folder)]
            said = Counter(code for code, _ in seen if code != 'green')
            print('%d pictures, %d green, %d blocked: %s' % (len(seen), len(seen) - sum(said.values()),
                                                             sum(blocked for _, blocked in seen), _counted(said)))
            return
        if n:
            tell(pipeline, subjects(), n)
        if patients:
            print('\n| camera | patients | frames | green | said |\n| --- | --- | --- | --- | --- |')
            for camera in CAMERAS:
                follow(pipeline, camera, patients, seconds)


if __name__ == '__main__':
    main()
