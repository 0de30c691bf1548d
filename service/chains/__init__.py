"""Preprocess chains: named, versioned ways from a thermogram to a network's input.

Histogram equalisation lives here and nowhere else. Temperatures are never read from what a chain
returns.
"""
from ..messages import BundleError
from .base import Chain, Prepared
from .classic import Classic
from .fit import Fit
from .plateau import Plateau
from .turbo import Turbo

__all__ = ['CHAINS', 'Chain', 'Classic', 'Fit', 'Plateau', 'Prepared', 'Turbo', 'get_chain']

#: Every chain this version of the service knows, by id.
CHAINS = {chain.id: chain for chain in (Classic, Plateau, Turbo)}


def get_chain(chain_id, constants=None):
    """The chain of an id with a manifest's constants.

    Raises:
        BundleError: ``chain-unknown``; a bundle must not be run with another preprocessing than it
            was trained on.
    """
    if chain_id not in CHAINS:
        raise BundleError('chain-unknown', 'The bundle was trained with chain %r, which this version does not '
                          'have (it has %s). Update the service or use another bundle.'
                          % (chain_id, ', '.join(sorted(CHAINS))))
    return CHAINS[chain_id](constants)
