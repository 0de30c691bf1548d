"""Judging a bundle on thermograms whose regions or diagnoses are known, through the device's own pipeline.

Needs no PyTorch: numpy, scipy, scikit-learn, matplotlib and jinja2 only. They take seconds to import, so that
each name is imported when it is asked for and not with the command line.
"""
from ..lazy import lazily

#: Public name to the module it lies in.
_PUBLIC = {
    'Outcome': 'outcome', 'Overlap': 'outcome', 'Request': 'request', 'Run': 'run', 'analyse_samples': 'run',
    'evaluate': 'request', 'judge_finding': 'judge', 'judge_regions': 'judge', 'make_document': 'document',
    'state_split': 'statement',
}

__all__ = sorted(_PUBLIC)
__getattr__ = lazily(__name__, _PUBLIC)
