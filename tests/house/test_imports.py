"""The device half runs where there is no PyTorch, and starts without what only a verb needs."""
import subprocess
import sys

import pytest

HEAVY = ('torch', 'torchvision', 'lightning', 'segmentation_models_pytorch', 'tensorrt', 'pycuda',
         'cryptography', 'models', 'export')


@pytest.mark.parametrize('module', ['service', 'service.cli', 'service.cli.analyse', 'service.cli.serve',
                                    'service.cli.bundle', 'service.cli.choose', 'service.cli.installation',
                                    'jetson', 'calibration'])
def test_import_brings_no_workstation_half(root, module):
    program = ('import sys, %s\n'
               'print(" ".join(name for name in %r if name in sys.modules))' % (module, HEAVY))
    output = subprocess.check_output([sys.executable, '-c', program], cwd=str(root), universal_newlines=True)
    assert output.split() == []
