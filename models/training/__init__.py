"""Training on Lightning: recipes in; weights, figures and bundles out."""
from .answers import ask
from .collection_run import CollectionRun
from .fit import fit
from .phantom_run import PhantomRun
from .run import Done, fresh_network, train
from .statement import Statement
from .weights import load_network, save_weights

__all__ = ['CollectionRun', 'Done', 'PhantomRun', 'Statement', 'ask', 'fit', 'fresh_network', 'load_network',
           'save_weights', 'train']
