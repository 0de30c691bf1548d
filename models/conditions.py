"""The conditions under which a figure was measured."""
import os
import platform
from pathlib import Path
from types import ModuleType
from typing import Any, Dict

import cv2
import numpy as np

from service import __version__
from service.pipeline import Pipeline
from service.thermogram import utc_now

_NAMES = {'onnxruntime': 'ONNX Runtime', 'torch': 'PyTorch'}


def processor() -> str:
    """The processor as Linux names it; its architecture elsewhere."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')),
                platform.machine())


def library_versions(*libraries: ModuleType) -> str:
    """Versions of libraries, and the processor, such as ``'ONNX Runtime 1.20.1, CPU AMD EPYC'``."""
    versions = ['%s %s' % (_NAMES[library.__name__], library.__version__) for library in libraries]
    return ', '.join(versions + ['CPU %s' % processor()])


def evaluation_conditions(pipeline: Pipeline, command: str = '', **more: Any) -> Dict[str, Any]:
    """Machine, versions, bundle and backend of an evaluation, as JSON.

    Args:
        pipeline: started.
        command: as the user typed it.
        **more: further entries, such as seeds.
    """
    import scipy  # a second each; a table of costs has no use for them
    import sklearn

    manifest = pipeline.bundle.manifest
    return dict({
        'created': utc_now(), 'command': command,
        'bundle': dict(manifest.identity, training_data=manifest['training_data']),
        'backend': pipeline.backend,
        'precision': '%s weights, run in %s' % (manifest['model']['precision'], pipeline.backend['precision']),
        'machine': {'processor': processor(), 'cores': os.cpu_count(), 'system': platform.platform()},
        'versions': {'thermoscreen': __version__, 'python': platform.python_version(), 'numpy': np.__version__,
                     'opencv': cv2.__version__, 'scipy': scipy.__version__, 'scikit-learn': sklearn.__version__},
    }, **more)
