"""What the temporal denoiser is worth: noise of a pixel and error of a breast's mean, with it and without.

A phantom is the truth; noise of a sensor is added to it, and the denoiser sees only the sum. Once nothing moves, once
the patient breathes.

    python -m benchmarks.denoise [--patients 8] [--frames 40] [--netd-mk 50]
"""
import click
import cv2
import numpy as np

from service.cameras.capture.corrections import Denoiser
from service.regions import LEFT_BREAST, RIGHT_BREAST
from service.simulator import make_phantom

#: A frame rate and a size of a Lepton.
_RATE_HZ, _SHAPE = 9.0, (120, 160)

#: Breaths per second and how far one moves the picture, picture heights: the upper ends of the simulator's.
_BREATH_HZ, _BREATH_REACH = 0.3, 0.006

#: Frames until the running mean has settled.
_SETTLING = 15


def measure(seed, frames, netd_c, breathing):
    """One patient.

    Returns:
        dict: 'pixel' and 'difference', each (without, with): root mean square error of a pixel of the body, and of the
        left minus right mean of the breasts, degrees Celsius.
    """
    random, phantom = np.random.RandomState(seed), make_phantom(seed, *_SHAPE)
    body = cv2.GaussianBlur(phantom.celsius, (0, 0), 1.0)
    left, right = phantom.labels == LEFT_BREAST, phantom.labels == RIGHT_BREAST
    denoiser, errors = Denoiser(), {'pixel': [], 'difference': []}
    for number in range(frames):
        truth = _breathed(body, number / _RATE_HZ) if breathing else body
        noisy = truth + random.normal(0, netd_c, truth.shape).astype(np.float32)
        pair = noisy - truth, denoiser.smooth(noisy) - truth
        if number >= _SETTLING:
            errors['pixel'].append([np.mean(error[phantom.labels > 0] ** 2) for error in pair])
            errors['difference'].append([(error[left].mean() - error[right].mean()) ** 2 for error in pair])
    return {name: np.sqrt(np.mean(values, axis=0)) for name, values in errors.items()}


def _breathed(body, t_s):
    """The body moved as the simulator's deepest breath moves it."""
    down = _BREATH_REACH * body.shape[0] * np.sin(2 * np.pi * _BREATH_HZ * t_s)
    return cv2.warpAffine(body, np.float32([[1, 0, 0], [0, 1, down]]), body.shape[::-1],
                          borderMode=cv2.BORDER_REPLICATE)


@click.command()
@click.option('--patients', default=8, help='Phantoms.')
@click.option('--frames', default=40, help='Frames of each.')
@click.option('--netd-mk', default=50.0, help='Noise of a pixel, millikelvin.')
def main(patients, frames, netd_mk):
    """Print both cases."""
    print('%d phantoms of %dx%d, %d frames at %g Hz after %d, noise %g mK' % (
        patients, _SHAPE[1], _SHAPE[0], frames - _SETTLING, _RATE_HZ, _SETTLING, netd_mk))
    for breathing in (False, True):
        rows = [measure(seed, frames, netd_mk / 1e3, breathing) for seed in range(1, patients + 1)]
        for name, words in (('pixel', 'error of a body pixel'), ('difference', 'error of left minus right')):
            without, done = np.mean([row[name] for row in rows], axis=0) * 1e3
            print('%-10s %-26s %.1f mK without, %.1f mK with (x %.2f)'
                  % ('breathing' if breathing else 'still', words, without, done, done / without))


if __name__ == '__main__':
    main()
