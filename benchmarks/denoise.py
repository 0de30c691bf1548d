"""What the temporal denoiser achieves: noise of a pixel and error of a breast's mean, with and without it.

A phantom is the ground truth; sensor noise is added, and the denoiser sees only the sum. Measured with a patient who
holds still and with one who breathes.

    python -m benchmarks.denoise [--patients 8] [--frames 40] [--netd-mk 50]
"""
from typing import Dict, List

import click
import cv2
import numpy as np

from service.cameras.capture.corrections import Denoiser
from service.regions import LEFT_BREAST, RIGHT_BREAST
from service.simulator import make_phantom

#: Frame rate and size of a Lepton.
_RATE_HZ, _SHAPE = 9.0, (120, 160)

#: Breaths per second, and how far one moves the picture in picture heights: the simulator's upper limits.
_BREATH_HZ, _BREATH_REACH = 0.3, 0.006

#: Frames until the running mean has settled.
_SETTLING = 15


def measure(seed: int, frames: int, netd_c: float, breathing: bool) -> Dict[str, np.ndarray]:
    """One patient.

    Returns:
        ``'pixel'`` and ``'difference'``, each (without, with): root mean square error of a pixel of the body, and of
        the left minus right mean of the breasts, °C.
    """
    random, phantom = np.random.RandomState(seed), make_phantom(seed, *_SHAPE)
    body = cv2.GaussianBlur(phantom.celsius, (0, 0), 1.0)
    left, right = phantom.labels == LEFT_BREAST, phantom.labels == RIGHT_BREAST
    denoiser = Denoiser()
    errors: Dict[str, List[List[float]]] = {'pixel': [], 'difference': []}
    for number in range(frames):
        truth = _breathed(body, number / _RATE_HZ) if breathing else body
        noisy = truth + random.normal(0, netd_c, truth.shape).astype(np.float32)
        pair = noisy - truth, denoiser.smooth(noisy) - truth
        if number >= _SETTLING:
            errors['pixel'].append([float(np.mean(error[phantom.labels > 0] ** 2)) for error in pair])
            errors['difference'].append([float((error[left].mean() - error[right].mean()) ** 2) for error in pair])
    return {name: np.sqrt(np.mean(values, axis=0)) for name, values in errors.items()}


def _breathed(body: np.ndarray, t_s: float) -> np.ndarray:
    """The body moved by the simulator's deepest breath."""
    down = _BREATH_REACH * body.shape[0] * np.sin(2 * np.pi * _BREATH_HZ * t_s)
    return cv2.warpAffine(body, np.array([[1, 0, 0], [0, 1, down]], np.float32), (body.shape[1], body.shape[0]),
                          borderMode=cv2.BORDER_REPLICATE)


@click.command()
@click.option('--patients', default=8, help='Phantoms.')
@click.option('--frames', default=40, help='Frames of each.')
@click.option('--netd-mk', default=50.0, help='Noise of a pixel, millikelvin.')
def main(patients: int, frames: int, netd_mk: float) -> None:
    """Print both cases."""
    print('%d phantoms of %dx%d, %d frames at %g Hz after %d, noise %g mK' % (
        patients, _SHAPE[1], _SHAPE[0], frames - _SETTLING, _RATE_HZ, _SETTLING, netd_mk))
    for breathing in (False, True):
        rows = [measure(seed, frames, netd_mk / 1e3, breathing) for seed in range(1, patients + 1)]
        for name, title in (('pixel', 'error of a body pixel'), ('difference', 'error of left minus right')):
            without, done = np.mean([row[name] for row in rows], axis=0) * 1e3
            print('%-10s %-26s %.1f mK without, %.1f mK with (x %.2f)'
                  % ('breathing' if breathing else 'still', title, without, done, done / without))


if __name__ == '__main__':
    main()
