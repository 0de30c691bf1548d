"""The camera: optics, offset, fixed pattern, noise and quantisation.

Temporal noise: 0.049 +- 0.007 C in healthy DMR-IR matrices, 0.05 C NETD for a Lepton. Fixed pattern:
column and row stripes plus a slow blob. Offset: cheap cores are specified at +-5 C absolute. Steps:
0.01, 0.0156 (InfiRay, 1/64 K) and 0.04 C.
"""
import numpy as np

from .streams import chance, normal, stream, uniform
from .texture import blur, smooth_noise


class Sensor:
    """One camera as drawn for a phantom.

    Attributes:
        noise_c (float): standard deviation of the noise of one pixel of one frame, C.
        offset_c (float): what the camera adds to every temperature, C.
        step_c (float): quantisation, C.
        blur (float): Gaussian blur of optics and focus, picture heights.
        glare (float): share of the light that is scattered widely.
    """

    def __init__(self, seed):
        rng = stream(seed, 'sensor')
        self.noise_c = normal(rng, 0.049, 0.012, 0.02, 0.12)
        self.offset_c = 0.0 if chance(rng, 0.6) else normal(rng, 0, 1.0, -3, 3)
        self.step_c = (0.01, 1 / 64.0, 0.04)[rng.choice(3, p=(0.6, 0.25, 0.15))]
        self.blur = 0.001 + 0.0065 * rng.beta(1.2, 2.5)
        self.glare = uniform(rng, 0.0, 0.05)
        self._stripes_c = uniform(rng, 0.0, 0.04)
        self._shading_c = normal(rng, 0, 0.25, -0.6, 0.6)
        self._rng = rng

    def optics(self, scene_c):
        """Blur and glare of a scene: float32 HxW, C."""
        height, width = scene_c.shape
        sharp = blur(scene_c, self.blur * height)
        # Glare is so wide that a quarter of the rows and columns carries it.
        step = max(height // 60, 1)
        coarse = blur(np.ascontiguousarray(scene_c[::step, ::step]), 0.05 * height / step)
        rows = np.minimum(np.arange(height) // step, coarse.shape[0] - 1)
        columns = np.minimum(np.arange(width) // step, coarse.shape[1] - 1)
        wide = blur(coarse[rows][:, columns], step)
        return (1 - self.glare) * sharp + self.glare * wide

    def fixed_pattern(self, height, width):
        """Offset, stripes and shading of this camera: float32 HxW, C. Call once per camera."""
        rng = np.random.RandomState(self._rng.randint(2 ** 31 - 1))
        stripes = rng.normal(size=(1, width)) + 0.6 * rng.normal(size=(height, 1))
        row = np.linspace(-1, 1, height)[:, None]
        column = np.linspace(-1, 1, width)[None, :]
        pattern = self.offset_c + self._stripes_c * stripes - self._shading_c * (row ** 2 + column ** 2)
        return (pattern + 0.05 * smooth_noise(rng, height, width, 0.3)).astype(np.float32)

    def noise(self, height, width):
        """Fresh pixel noise: float32 HxW, C."""
        return (self.noise_c * self._rng.normal(size=(height, width))).astype(np.float32)

    def quantise(self, celsius):
        """Round to the camera's step: float32."""
        return (np.round(celsius / np.float32(self.step_c)) * np.float32(self.step_c)).astype(np.float32)
