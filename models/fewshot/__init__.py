"""From a network that has seen phantoms only to one for a clinic's own patients, with few labels."""
from .folds import judge_folds
from .pseudo import mirrored_labels, pseudo_labelled, relabelled
from .run import few_shot

__all__ = ['few_shot', 'judge_folds', 'mirrored_labels', 'pseudo_labelled', 'relabelled']
