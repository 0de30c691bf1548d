"""Networks through the same protocol: pictures in, held-out probabilities out. The only module with PyTorch."""
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit

from models.architectures import ARCHITECTURES, FINDING
from models.architectures import build as build_architecture
from service.messages import InputError

#: Name under which the outcome lists what was trained.
_NAME = 'network'


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is trained in every fold.

    Attributes:
        side_px (int): rows and columns of the picture.
        epochs (int): passes over the training patients.
        batch (int): pictures a step, 2 or more.
        rate (float): peak learning rate of AdamW, one cycle.
        kept_back (float): share of the training patients on whom the threshold is set and nothing is learnt.
        threads (int): of PyTorch.
    """

    side_px: int = 112
    epochs: int = 12
    batch: int = 16
    rate: float = 1e-3
    kept_back: float = 0.25
    threads: int = 1


def image_protocol(build, pictures, plan, protocol, settings=NetworkSettings()):
    """The protocol on pictures, with a fresh network for every fold.

    Args:
        build (callable): () -> torch.nn.Module that maps float32 Nx1xHxW in 0..1 to `Scores` with a binary
            finding, or to Nx1 logits.
        pictures (numpy.ndarray): uint8 NxHxW.
        plan (Plan): of the N samples.
        protocol (Protocol): folds, specificity, seed.
        settings (NetworkSettings): training.
    Returns:
        Outcome
    """
    torch.set_num_threads(settings.threads)
    inputs = torch.from_numpy(np.ascontiguousarray(pictures)).unsqueeze(1).float() / 255
    targets = torch.from_numpy(plan.targets.astype(np.float32))

    def fit(train, held, seed):
        learn, judge = _keep_back(train, plan, settings.kept_back, seed)
        network = _train(build, inputs[learn], targets[learn], settings, seed)
        healthy = _probabilities(network, inputs[judge[~plan.targets[judge]]])
        return _probabilities(network, inputs[held]), float(np.quantile(healthy, protocol.specificity)), _NAME

    return protocol.run(plan, fit)


class NetworkRunner:
    """An architecture of the registry as an input of the audit.

    Args:
        name (str): key of `models.architectures.ARCHITECTURES`, with a finding head.
        settings (NetworkSettings): training.
    Raises:
        InputError: ``architecture-unknown``, ``architecture-options``, or ``architecture-no-finding``.
    """

    def __init__(self, name, settings=NetworkSettings()):
        self.name, self.settings, self.side_px = name, settings, settings.side_px
        entry = ARCHITECTURES.get(name)
        if entry is not None and (FINDING not in entry.tasks or entry.kind != 'network'):
            able = sorted(one.name for one in ARCHITECTURES.values()
                          if FINDING in one.tasks and one.kind == 'network')
            raise InputError('architecture-no-finding', 'The architecture %s is no network with a finding; the audit '
                             'can train %s.' % (name, ', '.join(able)))
        self.build()

    def build(self):
        """A fresh network."""
        return build_architecture(self.name)

    def __call__(self, pictures, plan, protocol):
        """Outcome of uint8 NxHxW pictures."""
        return image_protocol(self.build, pictures, plan, protocol, self.settings)


def _keep_back(train, plan, share, seed):
    """Training places to learn from, and places of other patients to set the threshold on; both classes in each."""
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


def _train(build, inputs, targets, settings, seed):
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


def _jitter(batch, rng):
    """Flipped, shifted and a little warmer or cooler; what is hidden stays zero."""
    if rng.random() < 0.5:
        batch = batch.flip(3)  # the diagnosis has no side
    shift = rng.integers(-6, 7, 2).tolist()
    batch = torch.roll(batch, shift, (2, 3))
    warmth = torch.from_numpy(rng.normal(0, 0.02, (len(batch), 1, 1, 1)).astype(np.float32))
    return torch.where(batch > 0, (batch + warmth).clamp(1 / 255, 1), batch)


def _logits(scores):
    finding = getattr(scores, 'finding', scores)
    return finding[:, 0]


def _probabilities(network, inputs, batch=64):
    with torch.no_grad():
        return np.concatenate([torch.sigmoid(_logits(network(part))).numpy().astype(np.float64)
                               for part in inputs.split(batch)])
