"""Under which conditions figures were measured."""
import os
import platform
from pathlib import Path

import cv2
import numpy as np
import scipy
import sklearn

from service import __version__
from service.thermogram import utc_now


def conditions(pipeline, command='', **more):
    """Machine, versions, bundle and backend, as JSON.

    Args:
        pipeline (service.pipeline.Pipeline): started.
        command (str): what the user typed.
        **more: further entries, such as seeds.

    Returns:
        dict: ready for a report.
    """
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


def processor():
    """The processor as Linux names it; its architecture where it does not."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')),
                platform.machine())
