"""Phantoms of today's arguments stay what the shipped network was trained on, bit for bit."""
import json
import os
import subprocess
import sys

import pytest

_PHANTOMS = ((0, 60, 80, None), (3, 120, 160, None), (11, 240, 320, True), (12, 240, 320, False),
             (100000, 240, 320, None))

#: SHA-256 of temperatures, labels and what is planted, by the hash of the libraries' versions and of functions that
#: processors round differently: today's versions, and those of JetPack 4.6, 5 and 6, on an x86-64 with AVX-512.
_OLDER = ['323a299493c48e43819ab4f3', '7186cec5a4ea3e3487cbb16a', '9104d62bc8188078ce016dfc',
          '77d42e100f592d9adc0f1fbe', '90bcc8998934ebd50a67e977']
_EXPECTED = {
    '9ea15987da81c67c9df06d3b': ['81d63f836d493440700bc58d', '5326a1c48020523092d2aa3a', 'd00d6be35e92c389a5153dc5',
                                 '2d249f3648079780d0b9fee8', '52fad2b75eb1fea51b6c3635'],
    '0f4a5d58a4a1339df759af41': _OLDER, 'b13ee807921b586daa06aa35': _OLDER, '4975a507c810a9a0e26ccd8f': _OLDER,
}

_SCRIPT = '''
import hashlib, json, sys
import cv2
import numpy as np
from service.simulator import make_phantom

def digest(*parts):
    return hashlib.sha256(b''.join(parts)).hexdigest()[:24]

x = np.linspace(-3, 3, 4001).astype(np.float32)
square = np.outer(x[:300], x[100:400])
found = [f(v).tobytes() for v in (x, x.astype(np.float64)) for f in (np.exp, np.tanh, np.cos, np.arctan)]
found += [np.__version__.encode(), cv2.__version__.encode()]
found += [(np.abs(x) ** np.float32(1.7)).tobytes(), square.dot(square).tobytes(), np.hypot(x, 1 - x).tobytes()]
print(json.dumps([digest(*found)] + [
    digest(p.celsius.tobytes(), p.labels.tobytes(), json.dumps(p.planted, sort_keys=True).encode())
    for p in (make_phantom(*one) for one in json.loads(sys.argv[1]))]))
'''


def test_phantoms_are_the_same_bits(root):
    # One thread: OpenBLAS adds in another order with more.
    environment = dict(os.environ, PYTHONPATH=str(root), OPENBLAS_NUM_THREADS='1')
    made = subprocess.run([sys.executable, '-c', _SCRIPT, json.dumps(_PHANTOMS)], env=environment, check=True,
                          stdout=subprocess.PIPE, timeout=120)
    arithmetic, *found = json.loads(made.stdout.decode())
    if arithmetic not in _EXPECTED:
        pytest.skip('this processor or NumPy rounds differently (%s)' % arithmetic)
    assert found == _EXPECTED[arithmetic]
