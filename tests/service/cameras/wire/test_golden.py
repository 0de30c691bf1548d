"""34.00 C in the bytes of each camera, as published."""
import numpy as np
import pytest

from service.cameras.wire import FORMATS

GOLDEN = [('lepton-y16', 'FB77', 34.00), ('lepton-y16-telemetry', 'FB77', 34.00), ('lepton25-y16', 'FB77', 34.00),
          ('lepton25-y16-telemetry', 'FB77', 34.00), ('boson-320-tlinear', 'FB77', 34.00), ('gige-10mk', 'FB77', 34.00),
          ('p2pro', 'CA4C', 34.0063), ('ax5-high', 'FF1D', 34.01), ('gige-100mk', '000C', 34.05)]


def picture_bytes(wire, data):
    """The words of the temperatures: behind the grey picture of a P2 Pro, in front otherwise."""
    start = len(data) // 2 if wire.name == 'p2pro' else 0
    return data[start:start + 2 * wire.shape[0] * wire.shape[1]]


@pytest.mark.parametrize('name, word, celsius', GOLDEN)
def test_34_degrees(name, word, celsius):
    wire = FORMATS[name]
    data = wire.encode(np.full(wire.shape, 34.0, np.float32))
    assert picture_bytes(wire, data) == bytes.fromhex(word) * (wire.shape[0] * wire.shape[1])
    assert np.abs(wire.decode(data).pixels - celsius).max() < 1e-4


@pytest.mark.parametrize('name, word, celsius', GOLDEN)
def test_one_count_more_is_one_step_more(name, word, celsius):
    wire = FORMATS[name]
    data = bytearray(wire.encode(np.full(wire.shape, 34.0, np.float32)))
    at = len(data) // 2 if name == 'p2pro' else 0
    count = int.from_bytes(data[at:at + 2], 'little') + 1
    data[at:at + 2] = count.to_bytes(2, 'little')
    decoded = wire.decode(data)
    assert decoded.counts[0, 0] == count
    assert decoded.pixels[0, 0] - decoded.pixels[0, 1] == pytest.approx(wire.quantum_c, abs=1e-4)


def test_0_kelvin_is_273_15_below_zero():
    # Another viewer of the P2 Pro takes 273.2, 0.05 C off.
    for name, _, _ in GOLDEN:
        assert FORMATS[name].decode(FORMATS[name].encode(np.full(FORMATS[name].shape, 20.0))).scale[1] == -273.15
