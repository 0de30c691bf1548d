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
_OLDER = ['b7ebdb0b5a2989da04fa2267', '7320474a9b91c898594870e2', 'f4d1a720a8498081b3bff853',
          '1553eec0a5322ddddbe22455', '6718a703e0d79cd133584ab3']
_EXPECTED = {
    '9ea15987da81c67c9df06d3b': ['abea7e3608f44e2dee798268', '55dfea5a4c9004c9c4f9e362', '58803a8748f5e7d9a7315572',
                                 'ff864bdaf97c7da6733c1c75', '47a3738cf79847ab3a9dcd2c'],
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
