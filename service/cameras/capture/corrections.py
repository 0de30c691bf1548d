"""What is done to every frame between the camera and whoever looks, in one order."""
from dataclasses import replace

from .bad_pixels import BadPixels, read_map
from .denoise import Denoiser
from .reference import Reference, patch_of


class Corrections:
    """Bad pixels first, since they would spoil the rest; then the offset; then the noise.

    What was done stands in the notes of the frame's provenance.

    Args:
        bad_pixels (BadPixels), reference (Reference), denoiser (Denoiser): None for one that is not wanted.
    """

    def __init__(self, bad_pixels=None, reference=None, denoiser=None):
        self._bad_pixels = bad_pixels
        self._reference = reference
        self._denoiser = denoiser

    @classmethod
    def from_settings(cls, settings):
        """Those that the settings ask for.

        Raises:
            InputError: the map of bad pixels cannot be read.
            SettingsError: the place of the reference makes no sense.
        """
        known = read_map(settings.bad_pixels) if settings.bad_pixels else ()
        reference = None
        if settings.reference_patch:
            reference = Reference(patch_of(settings.reference_patch), settings.reference_c)
        return cls(BadPixels(known) if known or settings.find_bad_pixels else None, reference,
                   Denoiser() if settings.denoise else None)

    def reset(self):
        """The camera was opened again: nothing that was seen before counts, but known bad pixels do."""
        for correction in (self._bad_pixels, self._reference, self._denoiser):
            if correction is not None:
                correction.reset()

    def apply(self, thermogram, t_s):
        """A frame corrected.

        Args:
            thermogram (Thermogram): as the camera gave it.
            t_s (float): when it was taken, on the clock of the frames.
        Returns:
            Thermogram: the same one where nothing was to do.
        """
        pixels, notes = thermogram.pixels, []
        if self._bad_pixels is not None:
            pixels = self._bad_pixels.repair(pixels)
            if self._bad_pixels.count:
                notes.append('%d bad pixels repaired' % self._bad_pixels.count)
        if self._reference is not None and thermogram.is_celsius:
            pixels = self._reference.correct(pixels, t_s)
            if self._reference.offset_c is not None:
                notes.append('moved by %+.2f C to the reference' % self._reference.offset_c)
        if self._denoiser is not None:
            pixels = self._denoiser.smooth(pixels)
            notes.append('noise reduced over frames')
        if pixels is thermogram.pixels:
            return thermogram
        provenance = replace(thermogram.provenance, notes=thermogram.provenance.notes + tuple(notes))
        return replace(thermogram, pixels=pixels, provenance=provenance)

    def messages(self):
        """What stands in the way of a correction, as a list of `Message`."""
        return self._reference.messages() if self._reference is not None else []

    def to_dict(self):
        """What the corrections do, as JSON values: ``bad_pixels`` repaired, ``offset_c`` (or None), ``denoised``."""
        offset_c = self._reference.offset_c if self._reference is not None else None
        return {'bad_pixels': self._bad_pixels.count if self._bad_pixels is not None else 0,
                'offset_c': None if offset_c is None else round(offset_c, 2), 'denoised': self._denoiser is not None}
