"""Networks through the same protocol: pictures in, held-out probabilities out. The only module here with PyTorch."""
from dataclasses import dataclass
from typing import Any, Callable, Tuple

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit

from models.architectures import ARCHITECTURES, FINDING
from models.architectures import build as build_architecture
from models.statistics import specificity_quantile
from service.messages import InputError

from .protocol import Outcome, Plan, Protocol

#: Name under which the outcome lists what was trained.
_NAME = 'network'


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is trained in every fold.

    Attributes:
        side_px: rows and columns of the picture.
        epochs: passes over the training patients.
        batch: pictures a step, 2 or more.
        rate: peak learning rate of AdamW, one cycle.
        kept_back: share of the training patients on whom the threshold is set and nothing is learned.
        threads: of PyTorch.
    """

    side_px: int = 112
    epochs: int = 12
    batch: int = 16
    rate: float = 1e-3
    kept_back: float = 0.25
    threads: int = 1


def image_protocol(build: Callable[[], torch.nn.Module], pictures: np.ndarray, plan: Plan, protocol: Protocol,
                   settings: NetworkSettings = NetworkSettings()) -> Outcome:
    """The protocol on pictures, with a fresh network for every fold.

    Args:
        build: makes a network that maps float32 Nx1xHxW in 0..1 to `Scores` with a binary finding, or to Nx1 logits.
        pictures: uint8 NxHxW.
        plan: of the N samples.
        protocol: folds, specificity, seed.
        settings: training.
    """
    torch.set_num_threads(settings.threads)
    inputs = torch.from_numpy(np.ascontiguousarray(pictures)).unsqueeze(1).float() / 255
    targets = torch.from_numpy(plan.targets.astype(np.float32))

    def fit(train: np.ndarray, held: np.ndarray, seed: int) -> Tuple[np.ndarray, float, str]:
        learn, judge = _keep_back(train, plan, settings.kept_back, seed)
        network = _train(build, inputs[learn], targets[learn], settings, seed)
        healthy = _probabilities(network, inputs[judge[~plan.targets[judge]]])
        return _probabilities(network, inputs[held]), specificity_quantile(healthy, protocol.specificity), _NAME

    return protocol.run(plan, fit)


class NetworkRunner:
    """An architecture of the registry as an input of the audit.

    Args:
        name: key of `models.architectures.ARCHITECTURES`, with a finding head.
        settings: training.
    Raises:
        InputError: ``architecture-unknown``, ``architecture-options``, or ``architecture-no-finding``.
    """

    def __init__(self, name: str, settings: NetworkSettings = NetworkSettings()) -> None:
        self.name, self.settings, self.side_px = name, settings, settings.side_px
        entry = ARCHITECTURES.get(name)
        if entry is not None and (FINDING not in entry.tasks or entry.kind != 'network'):
            able = sorted(one.name for one in ARCHITECTURES.values()
                          if FINDING in one.tasks and one.kind == 'network')
            raise InputError('architecture-no-finding', 'The architecture %s is not a network with a finding.' % name,
                             'Choose one of %s.' % ', '.join(able))
        self.build()

    def build(self) -> torch.nn.Module:
        """A fresh network."""
        return build_architecture(self.name)

    def __call__(self, pictures: np.ndarray, plan: Plan, protocol: Protocol) -> Outcome:
        """Outcome of uint8 NxHxW pictures."""
        return image_protocol(self.build, pictures, plan, protocol, self.settings)


def _keep_back(train: np.ndarray, plan: Plan, share: float, seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Places of samples to train on, and of other patients to set the threshold on; both classes in each."""
    learn, judge = [], []
    for positive in (False, True):
        places = train[plan.targets[train] == positive]
        owners = plan.rows[places]
        if len(np.unique(owners)) < 2:
            learn.append(places)
            judge.append(places)
            continue
        first, second = next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(places, groups=owners))
        learn.append(places[first])
        judge.append(places[second])
    return np.sort(np.concatenate(learn)), np.sort(np.concatenate(judge))


def _train(build: Callable[[], torch.nn.Module], inputs: torch.Tensor, targets: torch.Tensor,
           settings: NetworkSettings, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    network = build().train()
    positive = targets.mean().clamp(0.02, 0.98)
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=(1 - positive) / positive)
    batches = max(1, len(inputs) // settings.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=batches * settings.epochs)
    rng = np.random.default_rng(seed)
    for _ in range(settings.epochs):
        # Equal parts: a last batch of one picture has no variance for batch normalisation.
        for batch in np.array_split(rng.permutation(len(inputs)), batches):
            optimiser.zero_grad(set_to_none=True)
            loss_of(_logits(network(_jitter(inputs[batch], rng))), targets[batch]).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _jitter(batch: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Flipped, shifted and a little warmer or cooler; what is hidden stays zero."""
    if rng.random() < 0.5:
        batch = batch.flip(3)  # the diagnosis has no side
    shift = rng.integers(-6, 7, 2).tolist()
    batch = torch.roll(batch, shift, (2, 3))
    warmth = torch.from_numpy(rng.normal(0, 0.02, (len(batch), 1, 1, 1)).astype(np.float32))
    return torch.where(batch > 0, (batch + warmth).clamp(1 / 255, 1), batch)


def _logits(scores: Any) -> torch.Tensor:
    finding = getattr(scores, 'finding', scores)
    return finding[:, 0]


def _probabilities(network: torch.nn.Module, inputs: torch.Tensor, batch: int = 64) -> np.ndarray:
    with torch.no_grad():
        return np.concatenate([torch.sigmoid(_logits(network(part))).numpy().astype(np.float64)
                               for part in inputs.split(batch)])
