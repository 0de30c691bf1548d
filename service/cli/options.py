"""Options that several verbs share; heavy imports wait until they are needed, for `serve` in safe mode does without."""
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

import click

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..settings import Settings

settings_option = click.option('--settings', 'settings_path', type=click.Path(), metavar='FILE',
                               help='Settings file (TOML). Default: built-in values.')
bundle_option = click.option('--bundle', type=click.Path(), metavar='DIR',
                             help='Model bundle. Default: the shipped one.')
threads_option = click.option('--threads', type=int, metavar='N',
                              help='Threads of one inference; 0 for every core.')
#: Options that overrule an object parameter: its name in `service.radiometry.OBJECT_PARAMETERS`, and the help.
CORRECTIONS = {
    '--emissivity': ('emissivity', 'Emissivity of the surface (skin: 0.98).'),
    '--reflected': ('reflected_c', 'Reflected temperature in °C, usually that of the room.'),
    '--air': ('air_c', 'Temperature of the air in between, °C.'),
    '--humidity': ('humidity_percent', 'Relative humidity of that air, percent.'),
    '--distance': ('distance_m', 'Distance to the surface, metres.'),
    '--window': ('window_c', 'Temperature of a window in front of the camera, °C.'),
    '--window-transmission': ('window_transmission',
                              'Share of the radiation that the window lets through; 1 is no window.'),
}
json_option = click.option('--json', 'as_json', is_flag=True, help='Print JSON.')


class _CameraOption(click.Option):
    """``--camera``, which was ``--source`` in some verbs; the old name works and is not shown."""

    def get_help_record(self, ctx: click.Context) -> Optional[Tuple[str, str]]:
        """Names and help, as click gives them."""
        names, text = super().get_help_record(ctx) or ('', '')
        return names.replace(', --source', ''), text


camera_option = click.option('--camera', '--source', 'camera', metavar='SPEC', cls=_CameraOption,
                             help='Camera: usb, v4l2:PATH, gige, sim:SEED, simusb:FORMAT, replay:FOLDER; see '
                             'thermoscreen cameras. Default: that of the settings.')


def correction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of `CORRECTIONS`; it receives them as keywords, None where they were not given."""
    for option, (name, text) in reversed(list(CORRECTIONS.items())):
        command = click.option(option, name, type=float, help=text)(command)
    return command


def load_settings(path: Optional[str] = None, **overrides: Any) -> 'Settings':
    """See `service.settings.load_settings`."""
    from ..settings import load_settings as load
    return load(path, **overrides)


def make_pipeline(settings: 'Settings') -> 'Pipeline':
    """A pipeline as the settings say, not yet started.

    Raises:
        BundleError: a bundle that is incomplete or not signed as the settings require.
    """
    from ..bundle import Trust
    from ..pipeline import AnalysisOptions, Pipeline
    from ..selection import Runtime
    options = AnalysisOptions(settings.difference_threshold_c, settings.quality_limits())
    return Pipeline.from_folder(settings.bundle, options=options, runtime=Runtime.from_settings(settings),
                                trust=Trust.from_settings(settings))
