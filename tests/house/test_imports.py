"""The device half runs where there is no PyTorch, and starts without what only a verb needs."""
import subprocess
import sys

HEAVY = ('torch', 'torchvision', 'lightning', 'segmentation_models_pytorch', 'tensorrt', 'pycuda',
         'cryptography', 'models', 'export')


MODULES = ('service', 'service.cli', 'service.cli.analyse', 'service.cli.serve', 'service.cli.bundle',
           'service.cli.choose', 'service.cli.installation', 'jetson', 'calibration')


def test_import_brings_no_workstation_half(root):
    program = ('import importlib, sys\n'
               'for module in %r:\n'
               '    importlib.import_module(module)\n'
               '    assert not set(%r) & set(sys.modules), module' % (MODULES, HEAVY))
    subprocess.check_call([sys.executable, '-c', program], cwd=str(root))
