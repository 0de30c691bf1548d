"""Networks by name, one module or folder per architecture; each maps NxCxHxW to `Scores`."""
import inspect

from service.errors import InputError

from .base import FINDING, REGIONS, Architecture, Scores
from .half_unet import HalfUnet

_BOTH = frozenset({REGIONS, FINDING})

ARCHITECTURES = {entry.name: entry for entry in (
    Architecture('half_unet', HalfUnet, 1, 240, 320, _BOTH,
                 'Own: a residual U-Net at half resolution with a left-right finding head.',
                 limit_parameters=2_500_000, limit_macs=2e9),
)}


def build(name, **options):
    """A fresh network, or estimator where the entry's kind is ``'curves'``.

    Args:
        name (str): key of `ARCHITECTURES`.
        options: of that architecture, such as ``classes`` or ``findings``.

    Raises:
        InputError: ``architecture-unknown``, or ``architecture-options`` for options it does not take.
    """
    if name not in ARCHITECTURES:
        raise InputError('architecture-unknown', 'There is no architecture %r; choose one of %s.'
                         % (name, ', '.join(sorted(ARCHITECTURES))))
    create = ARCHITECTURES[name].build
    try:
        inspect.signature(create).bind(**options)
    except TypeError:
        raise InputError('architecture-options', 'Architecture %s takes %s, not %s; correct the recipe.' % (
            name, ', '.join(inspect.signature(create).parameters), ', '.join(sorted(options)))) from None
    return create(**options)


__all__ = ['ARCHITECTURES', 'Architecture', 'FINDING', 'REGIONS', 'Scores', 'build']
