"""Simulated clinics whose cameras and patients differ, and what each way of training together gives them.

The same phantoms for every way: FedAvg, FedProx with several mu, every clinic alone, and all pictures in one place,
which is what a federation forgoes. Then the same with a clinic that lies and with one that sends NaN. Test phantoms
are others than those that train and those that decide which rounds are kept.
"""
import concurrent.futures
import dataclasses
import multiprocessing
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch

from service.bundle import Bundle

from ..evaluation.overlap import iou, mean_over_regions
from ..phantoms import PhantomSet, end_with_parent, prepare_set
from ..recipe import Recipe
from ..recipe_files import parse_recipe
from ..statistics import PatientBootstrap, percentile_interval
from ..training.metrics import predict
from ..training.stream import Example, Examples, MixedExamples, PhantomExamples
from .core import KEPT, Plan, Update, change
from .ends import Start, finish, open_start, plan_of
from .guard import Arrays
from .local import Clinic, Lie, Together, network_with
from .rounds import Federation, read_rounds, run_rounds

#: Seed of the first phantom; no recipe trains or judges on these.
_FIRST_SEED = 8_000_000

#: Phantoms of a clinic by what they are for. Clinics have from the first to the second number to train on.
_TRAIN, _VAL, _TEST = (12, 60), 16, 48

#: Who comes to a clinic: kinds of `service.simulator.KINDS`.
_BODIES = ({'flat': 1.0}, {'flat': 2.0, 'very large breasts': 1.0}, {'flat': 2.0, 'small breasts': 1.0},
           {'flat': 2.0, 'arms down': 1.0}, {'flat': 2.0, 'belly folds': 1.0})

#: The share of a wrong clinic's own change that it adds to the weights: as much as it learned, the wrong way.
_BACKWARDS = -1.0
_CLAIMED = 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Camera:
    """How a clinic's camera differs from a perfect one.

    Attributes:
        netd_c: noise of a pixel, standard deviation, °C.
        offset_c: added to every temperature, °C.
        gain: of differences from the mean of the picture.
        focus: Gaussian sigma of its blur, share of the picture's height.
        resolution: share of the rows and columns that it has.
    """

    netd_c: float
    offset_c: float
    gain: float
    focus: float
    resolution: float

    def see(self, rng: np.random.Generator, celsius: np.ndarray) -> np.ndarray:
        """A scene, float32 HxW in °C, as this camera shows it: of the same size."""
        height, width = celsius.shape
        mean = float(celsius.mean())
        picture: Any = (celsius - mean) * np.float32(self.gain) + np.float32(mean + self.offset_c)
        picture = cv2.GaussianBlur(picture, (0, 0), max(self.focus * height, 0.01))
        size = max(int(width * self.resolution), 8), max(int(height * self.resolution), 8)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        picture += rng.normal(0, self.netd_c, picture.shape).astype(np.float32)
        return np.ascontiguousarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


class Site(NamedTuple):
    """A simulated clinic.

    Attributes:
        name: ``'clinic-01'`` and so on.
        camera: its camera.
        bodies: how often every kind of phantom comes.
        train, val, test: its phantoms through its camera.
    """

    name: str
    camera: Camera
    bodies: Dict[str, float]
    train: Examples
    val: Examples
    test: Examples

    def described(self) -> Dict[str, Any]:
        """What it is, as JSON."""
        return {'name': self.name, 'camera': dataclasses.asdict(self.camera), 'bodies': self.bodies,
                'train': len(self.train), 'val': len(self.val), 'test': len(self.test)}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is simulated.

    Attributes:
        clinics: 2 to 20.
        rounds: of every way of training.
        mus: of FedProx.
        seed: of phantoms, cameras and training.
        faults: whether one clinic lies and sends NaN, as further ways.
        start: of `models.federated.ends.open_start`; ``''`` for fresh weights.
        recipe: of a round.
        changes: of its keys.
        workers: processes.
    """

    clinics: int
    rounds: int = 8
    mus: Tuple[float, ...] = (0.01, 0.1, 1.0)
    seed: int = 2021
    faults: bool = True
    start: str = ''
    recipe: str = 'federated-small'
    changes: Tuple[str, ...] = ()
    workers: int = 2

    def to_dict(self) -> Dict[str, Any]:
        """What figures depend on, as JSON: everything but `workers`."""
        values = dataclasses.asdict(self)
        del values['workers']
        return dict(values, mus=list(self.mus), changes=list(self.changes))


class Way(NamedTuple):
    """One way of training.

    Attributes:
        key: of its folder and its figures.
        title: for people.
        kind: ``'federated'``, ``'alone'`` or ``'pooled'``.
        mu: of FedProx.
        combine: as of `Plan`.
        fault: ``''``, ``'nan'`` or ``'lies'``: what the last clinic does.
    """

    key: str
    title: str
    kind: str = 'federated'
    mu: float = 0.0
    combine: str = 'mean'
    fault: str = ''


class Seen(Examples):
    """Phantoms through a camera, each once, kept in memory."""

    def __init__(self, phantoms: PhantomSet, camera: Camera, seed: Sequence[int]) -> None:
        plain = PhantomExamples(phantoms)
        self.regions, self.classes, self.klasses = plain.regions, plain.classes, plain.klasses
        self._examples = [plain.example(index) for index in range(len(plain))]
        self._examples = [example._replace(pixels=camera.see(np.random.default_rng([*seed, index]), example.pixels))
                          for index, example in enumerate(self._examples)]

    def example(self, index: int) -> Example:
        """The phantom of an index."""
        return self._examples[index]


def ways_of(setting: Setting) -> List[Way]:
    """Every way of training, in the order of the report."""
    ways = [Way('alone', 'each clinic alone', 'alone'), Way('fedavg', 'FedAvg')]
    ways += [Way('fedprox-%g' % mu, 'FedProx, mu %g' % mu, mu=mu) for mu in setting.mus]
    ways.append(Way('pooled', 'all pictures in one place', 'pooled'))
    if setting.faults:
        ways += [Way('nan', 'FedAvg, one sends NaN', fault='nan'), Way('lies', 'FedAvg, one lies', fault='lies')]
        if setting.clinics >= 3:
            ways.append(Way('lies-median', 'median, one lies', combine='median', fault='lies'))
    return ways


def make_sites(setting: Setting, recipe: Recipe, folder: Path) -> List[Site]:
    """The clinics with their phantoms, which are kept in `folder`.

    Every property of the cameras is spread evenly over the clinics, and dealt to them by seed.
    """
    rng = np.random.default_rng([setting.seed, 1])

    def spread(low: float, high: float) -> np.ndarray:
        return rng.permutation(np.linspace(low, high, setting.clinics))

    cameras = [Camera(*(round(float(value), 4) for value in values)) for values in zip(
        spread(0.02, 0.2), spread(-1.5, 1.5), spread(0.85, 1.15), spread(0.0, 0.02), spread(0.4, 1.0))]
    counts = rng.permutation(np.geomspace(*_TRAIN, setting.clinics)).round().astype(int)
    sites, first = [], _FIRST_SEED + 100_000 * setting.seed % 1_000_000_000
    for number, (camera, count) in enumerate(zip(cameras, counts.tolist())):
        name, bodies = 'clinic-%02d' % (number + 1), _BODIES[number % len(_BODIES)]
        parts = []
        for place, (part, size) in enumerate((('train', count), ('val', _VAL), ('test', _TEST))):
            phantoms = prepare_set(folder / name / part, first, size, recipe.input.height, recipe.input.width,
                                   setting.workers, bodies)
            parts.append(Seen(phantoms, camera, (setting.seed, 2, number, place)))
            first += size
        sites.append(Site(name, camera, bodies, *parts))
    return sites


def simulate(setting: Setting, out: Path, say: Callable[[str], None] = lambda line: None) -> Dict[str, Any]:
    """Train every way and judge it on the test phantoms of every clinic.

    Args:
        setting: what.
        out: folder; receives ``phantoms/``, ``rounds/``. What is there of the same setting is gone on with.
        say: told one line a step.
    Returns:
        JSON: ``setting``, ``sites``, and by way ``title``, ``scores`` (mIoU by clinic, estimates), ``mean``,
        ``lowest``, ``difference`` to FedAvg over clinics, ``curve`` (mean mIoU of the validation phantoms by round),
        ``drift`` (mean change of a clinic in a round, share of the weights' length), ``kept``, ``refused``.
    """
    start = open_start(setting.start, setting.recipe, setting.changes)
    say('making phantoms of %d clinics' % setting.clinics)
    sites = make_sites(setting, start.recipe, out / 'phantoms')
    ways = ways_of(setting)
    jobs = [(way, setting, out) for way in ways]
    trained: Dict[str, Dict[str, Any]] = {}
    if setting.workers > 1:
        context = multiprocessing.get_context('spawn')
        with concurrent.futures.ProcessPoolExecutor(
                setting.workers, context, end_with_parent, (os.getpid(),)) as pool:
            for way, done in zip(ways, pool.map(run_way, *zip(*jobs))):
                trained[way.key] = done
                say('%s: %d of %d rounds kept' % (way.title, done['kept'], setting.rounds))
    else:
        for way, job in zip(ways, jobs):
            trained[way.key] = run_way(*job)
            say('%s: %d of %d rounds kept' % (way.title, trained[way.key]['kept'], setting.rounds))
    return {'setting': setting.to_dict(), 'source': start.source,
            'sites': [site.described() for site in sites],
            'ways': {way.key: _judged(way, trained, setting.seed) for way in ways}}


def deliver_best(setting: Setting, report: Dict[str, Any], out: Path) -> Bundle:
    """The bundle of the federated way without fault that the validation phantoms like best: ``out/run/bundle``.

    Not the best of the test phantoms, which would choose by what is stated afterwards.
    """
    ways = [way for way in ways_of(setting) if way.kind == 'federated' and not way.fault]
    best = max(ways, key=lambda way: report['ways'][way.key]['curve'][-1])
    federation = read_rounds(out / 'rounds' / best.key)
    assert federation is not None, 'it was just run'
    start = open_start(setting.start, setting.recipe, setting.changes)
    plan = _plan(best, setting, start, {site['name']: site['train'] for site in report['sites']})
    return finish(plan, federation, out / 'run', '%s; the clinics are simulated' % start.source)


def _plan(way: Way, setting: Setting, start: Start, sites: Dict[str, int]) -> Plan:
    return plan_of(start, sites, setting.rounds, mu=way.mu, combine=way.combine, seed=setting.seed)


def run_way(way: Way, setting: Setting, out: Path) -> Dict[str, Any]:
    """Train one way, in a process of its own perhaps; `confusion` of its result by clinic, int NxRxR."""
    torch.set_num_threads(1)
    start = open_start(setting.start, setting.recipe, setting.changes)
    sites = make_sites(setting, start.recipe, out / 'phantoms')
    plan = _plan(way, setting, start, {site.name: len(site.train) for site in sites})
    folder = out / 'rounds' / way.key
    if way.kind == 'federated':
        federation = run_rounds(plan, start.arrays, _together(way, sites, plan), folder)
        results = [federation.arrays] * len(sites)
        figures = _federated_figures(federation, start, plan)
    else:
        together = [sites] if way.kind == 'pooled' else [[site] for site in sites]
        done = [_by_itself(group, plan, start, setting.rounds) for group in together]
        results = [arrays for arrays, _, _ in done] * (len(sites) if way.kind == 'pooled' else 1)
        figures = {'curve': np.mean([curve for _, curve, _ in done], axis=0).round(4).tolist(), 'drift': [],
                   'kept': min(kept for _, _, kept in done), 'refused': {}, 'capped': {}}
    confusion = {site.name: predict(network_with(arrays, start.recipe), site.test, start.recipe, workers=0).confusion
                 for site, arrays in zip(sites, results)}
    return dict(figures, confusion=confusion)


def _together(way: Way, sites: Sequence[Site], plan: Plan) -> Together:
    recipe = parse_recipe(plan.recipe, 'plan')
    clinics = {site.name: Clinic(site.name, recipe, site.train, site.val, plan.seed) for site in sites}
    wrong: Dict[str, Lie] = {'nan': _nan, 'lies': _lie}
    return Together(clinics, way.mu, {sites[-1].name: wrong[way.fault]} if way.fault else None)


def _nan(sent: Arrays, update: Update) -> Update:
    """The weights of a training that went wrong."""
    return Update({name: array * np.float32('nan') for name, array in update.arrays.items()}, update.scalars)


def _lie(sent: Arrays, update: Update) -> Update:
    """The way back instead of the way forward, for a billion patients; of the length of an honest change."""
    arrays = {name: (sent[name] + np.float32(_BACKWARDS) * (array - sent[name])).astype(array.dtype)
              for name, array in update.arrays.items()}
    return Update(arrays, dict(update.scalars, count=_CLAIMED))


def _by_itself(group: Sequence[Site], plan: Plan, start: Start,
               rounds: int) -> Tuple[Arrays, List[float], int]:
    """Train on the pictures of some clinics in one place, as long as they would together.

    The rule of the rounds holds here too: a round after which the validation phantoms are worse is not kept.
    """
    recipe = dataclasses.replace(start.recipe, training=dataclasses.replace(
        start.recipe.training, samples=start.recipe.training.samples * len(group)))
    train = group[0].train if len(group) == 1 else MixedExamples([(site.train, len(site.train)) for site in group])
    clinic = Clinic(group[0].name if len(group) == 1 else 'pooled', recipe, train, group[0].val, plan.seed)
    judges = [Clinic(site.name, start.recipe, site.train, site.val, plan.seed) for site in group]
    arrays, curve, kept = start.arrays, [], 0

    def score(weights: Arrays) -> float:
        return float(np.mean([judge.score(0, weights).scalars['score'] for judge in judges]))

    best = score(arrays)
    curve.append(best)
    for number in range(1, rounds + 1):
        after = clinic.train(number, arrays).arrays
        reached = score(after)
        if reached >= best - plan.tolerance:
            arrays, kept, best = after, kept + 1, max(best, reached)
            curve.append(reached)
        else:
            curve.append(curve[-1])
    return arrays, curve, kept


def _federated_figures(federation: Federation, start: Start, plan: Plan) -> Dict[str, Any]:
    zeros = {name: np.zeros_like(array) for name, array in start.arrays.items()}
    length = change(start.arrays, zeros, plan.statistics)
    curve: List[float] = []
    refused: Dict[str, Dict[str, int]] = {}
    drift = []
    for record in federation.records:
        curve.append(round(float(np.mean(list(record['scores'].values()))), 4) if record['outcome'] == KEPT
                     else curve[-1])
        moved = [row['change'] for row in record['sites'].values() if row['state'] == 'used']
        if moved:
            drift.append(round(float(np.mean(moved)) / length, 4))
        for name, row in record['sites'].items():
            if row['state'] != 'used':
                reasons = refused.setdefault(name, {})
                reasons[row['code']] = reasons.get(row['code'], 0) + 1
    capped = {name: [row['count'], row['counted']] for record in federation.records
              for name, row in record['sites'].items() if row.get('counted', 0) < row.get('count', 0)}
    return {'curve': curve, 'drift': drift, 'kept': federation.kept, 'refused': refused, 'capped': capped,
            'below': sum(bool(record.get('below')) for record in federation.records)}


# -- figures


def _judged(way: Way, trained: Dict[str, Dict[str, Any]], seed: int) -> Dict[str, Any]:
    """Figures of a way from the confusion of every test phantom; the same draws for every way, so that they pair."""
    own = {name: _drawn(confusion, seed) for name, confusion in trained[way.key]['confusion'].items()}
    usual = {name: _drawn(confusion, seed) for name, confusion in trained['fedavg']['confusion'].items()}
    figures = {key: value for key, value in trained[way.key].items() if key != 'confusion'}
    return dict(figures, title=way.title, mu=way.mu,
                scores={name: _estimate(value, draws) for name, (value, draws) in own.items()},
                mean=_over_clinics(own, np.mean), lowest=_over_clinics(own, np.min),
                difference=None if way.key == 'fedavg' else _estimate(
                    float(np.mean([own[name][0] - usual[name][0] for name in own])),
                    np.mean([own[name][1] - usual[name][1] for name in own], axis=0)))


def _drawn(confusion: np.ndarray, seed: int) -> Tuple[float, np.ndarray]:
    """The mIoU of all phantoms together, and of bootstrap draws of them: float R."""
    bootstrap = PatientBootstrap(['%04d' % place for place in range(len(confusion))], seed=seed)
    return float(mean_over_regions(iou(confusion.sum(0)))), mean_over_regions(iou(bootstrap.sums(confusion)))


def _over_clinics(own: Dict[str, Tuple[float, np.ndarray]],
                  reduce: Callable[..., Any]) -> Dict[str, Any]:
    return _estimate(float(reduce([value for value, _ in own.values()])),
                     reduce([draws for _, draws in own.values()], axis=0))


def _estimate(value: float, draws: np.ndarray) -> Dict[str, Any]:
    interval: Optional[List[float]] = percentile_interval(draws)
    return {'value': round(value, 4), 'ci95': None if interval is None else [round(end, 4) for end in interval]}
