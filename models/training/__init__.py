"""Training on Lightning: recipes in; weights, figures and bundles out."""
from .fit import fit
from .metrics import predict
from .run import Done, fresh_network, train
from .sources import CollectionSource, PhantomSource
from .weights import load_network, save_weights

__all__ = ['CollectionSource', 'Done', 'PhantomSource', 'fit', 'fresh_network', 'load_network', 'predict',
           'save_weights', 'train']
