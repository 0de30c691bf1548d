"""From a network that has seen phantoms only to one for a clinic's own patients, with few labels."""
from ..lazy import lazily

#: Public name to the module it lies in.
_PUBLIC = {
    'Plan': 'run', 'few_shot': 'run', 'judge_folds': 'folds', 'mirrored_labels': 'pseudo', 'pseudo_labelled': 'pseudo',
    'relabelled': 'pseudo',
}

__all__ = sorted(_PUBLIC)
__getattr__ = lazily(__name__, _PUBLIC)
