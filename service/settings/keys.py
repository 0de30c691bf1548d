"""Every setting of the appliance: type, default, unit and a sentence, in one class."""
import os
from dataclasses import dataclass, field, fields

from ..backends import BACKENDS, PRECISIONS
from ..messages import SettingsError
from ..overlay import LAYERS
from ..palettes import PALETTES
from ..quality import QualityLimits

SHIPPED_BUNDLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'bundles', 'phantom-unet')
_LIMITS = QualityLimits()


def _key(section, default, sentence, unit='', low=None, high=None, choices=None):
    return field(default=default, metadata={'section': section, 'sentence': sentence, 'unit': unit, 'low': low,
                                            'high': high, 'choices': choices})


@dataclass(frozen=True)
class Settings:
    """The settings, checked when they are made.

    In the file a setting stands under its section; names are unique over all sections. The
    reference page is generated from this class.

    Raises:
        SettingsError: ``setting-type``, ``setting-range`` or ``setting-choice``; `key` names it.
    """

    camera: str = _key('camera', 'sim', 'Which camera: usb, usb:VID:PID, v4l2:/dev/video0, gige, sim:SEED, '
                       'simusb:FORMAT, replay:FOLDER or raw:FILE. thermoscreen cameras lists what is plugged in.')
    warm_up_minutes: float = _key('camera', 15.0, 'For so long after its start a thermal camera is shown as warming '
                                  'up.', 'minutes', 0.0, 120.0)
    bad_pixels: str = _key('camera', '', 'File that lists bad pixels of the camera, column, row per line, counted from '
                           '0. They take the median of their neighbours. An empty text is none.')
    find_bad_pixels: bool = _key('camera', True, 'Find pixels that are stuck, and replace them too.')
    reference_patch: str = _key('camera', '', 'Place of a reference of known temperature in the picture: left,top,'
                                'width,height as shares of it. Frames are moved so that it has its temperature. An '
                                'empty text is none.')
    reference_c: float = _key('camera', 35.0, 'Temperature of that reference.', 'C', 0.0, 60.0)
    denoise: bool = _key('camera', False, 'Average frames where nothing moves. A pixel\'s noise falls to 0.45 of it at '
                         'rest and to 0.67 under a breath; differences between left and right become no more exact, '
                         'so it is off (benchmarks/denoise.py).')

    bundle: str = _key('model', SHIPPED_BUNDLE, 'Folder of the model bundle.')
    threads: int = _key('model', 0, 'Processor threads of one inference; 0 uses every core.', 'threads', 0, 64)
    backend: str = _key('model', 'auto', 'What runs the model. auto tries the engines of thermoscreen compile first, '
                        'then ONNX Runtime on TensorRT, CUDA and the processor.', choices=BACKENDS)
    precision: str = _key('model', 'auto', 'What it is computed in. auto is what thermoscreen choose --write measured '
                          'on this machine, and without that the engine that is there, or fp32.', choices=PRECISIONS)
    engines: str = _key('model', 'auto', 'Folder of engines and of the written choice. auto is thermoscreen/engines '
                        'in the user\'s cache; an empty text is none.')

    trusted_keys: str = _key('model', '', 'Folder of public keys (*.pub) whose bundles are taken too, beside the keys '
                             'that the program came with.')
    allow_unsigned: bool = _key('model', False, 'Take bundles that nobody signed. For development; a bundle with a '
                                'wrong signature is refused all the same.')

    host: str = _key('web', '127.0.0.1', 'Address the page is served on. The page has no login, so it stays on '
                     'this machine.', choices=('127.0.0.1', '::1', 'localhost'))
    port: int = _key('web', 8080, 'Port the page is served on.', '', 1, 65535)
    max_viewers: int = _key('web', 20, 'Pages that may watch the live picture at once.', 'pages', 1, 100)
    files_root: str = _key('web', '/media', 'Folder whose thermograms the page may open; nothing outside it is '
                           'shown.')

    palette: str = _key('overlay', 'iron', 'Palette of the picture.', choices=tuple(sorted(PALETTES)))
    layer: str = _key('overlay', 'original', 'What lies under the contours.', choices=LAYERS)
    jpeg_quality: int = _key('overlay', 85, 'Quality of the live picture.', '', 30, 100)

    difference_threshold_c: float = _key('analysis', 1.0, 'A left-right difference above this is pointed out. It '
                                         'describes; it does not grade.', 'C', 0.1, 10.0)

    min_range_c: float = _key('quality', _LIMITS.min_range_c, 'Span of a frame below which it is constant.', 'C',
                              0.0, 20.0)
    min_range_grey: float = _key('quality', _LIMITS.min_range_grey, 'The same for a picture without temperatures.',
                                 'grey levels', 0.0, 255.0)
    max_saturated_share: float = _key('quality', _LIMITS.max_saturated_share, 'Part of the frame that may be at its '
                                      'highest value.', 'share', 0.0, 1.0)
    skin_low_c: float = _key('quality', _LIMITS.skin_low_c, 'Lowest mean of the body.', 'C', 0.0, 50.0)
    skin_high_c: float = _key('quality', _LIMITS.skin_high_c, 'Highest mean of the body.', 'C', 0.0, 50.0)
    min_body_share: float = _key('quality', _LIMITS.min_body_share, 'Smallest part of the frame that is body.',
                                 'share', 0.0, 1.0)
    min_contrast_c: float = _key('quality', _LIMITS.min_contrast_c, 'Least difference of body and background.', 'C',
                                 0.0, 20.0)
    min_contrast_grey: float = _key('quality', _LIMITS.min_contrast_grey, 'The same for a picture without '
                                    'temperatures.', 'grey levels', 0.0, 255.0)
    min_breast_share: float = _key('quality', _LIMITS.min_breast_share, 'Smallest part of the frame that is one '
                                   'breast.', 'share', 0.0, 1.0)
    max_border_share: float = _key('quality', _LIMITS.max_border_share, 'Part of a breast\'s side that may lie on '
                                   'the edge of the frame.', 'share', 0.0, 1.0)
    min_confidence: float = _key('quality', _LIMITS.min_confidence, 'Least mean confidence of the regions over the '
                                 'body.', 'share', 0.0, 1.0)

    def __post_init__(self):
        for entry in fields(self):
            object.__setattr__(self, entry.name, _checked(entry, getattr(self, entry.name)))
        if self.skin_low_c >= self.skin_high_c:
            raise _refusal('setting-contradiction', 'skin_low_c',
                           'skin_low_c must be below skin_high_c, not %g and %g' % (self.skin_low_c, self.skin_high_c))

    def quality_limits(self):
        """The quality section as the gate takes it."""
        return QualityLimits(**{entry.name: getattr(self, entry.name) for entry in fields(QualityLimits)})


def _checked(entry, value):
    """The value of a key in its own type, or a `SettingsError` naming the key."""
    rules = entry.metadata
    if entry.type is float and type(value) is int:
        value = float(value)
    if type(value) is not entry.type:
        raise _refusal('setting-type', entry.name, '%s must be %s, not %r' % (entry.name, type_word(entry.type), value))
    if rules['choices'] and value not in rules['choices']:
        raise _refusal('setting-choice', entry.name, '%s must be one of %s, not %r'
                       % (entry.name, ', '.join(rules['choices']), value))
    if rules['low'] is not None and not rules['low'] <= value <= rules['high']:
        raise _refusal('setting-range', entry.name, '%s must be between %g and %g, not %r'
                       % (entry.name, rules['low'], rules['high'], value))
    return value


def type_word(kind):
    """A type as a person calls it."""
    return {str: 'text', int: 'a whole number', float: 'a number', bool: 'true or false'}[kind]


def _refusal(code, key, message):
    error = SettingsError(code, message + '.')
    error.key = key
    return error
