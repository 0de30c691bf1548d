"""Options that several verbs share. Imported by all of them, so what is heavy is imported when it is called."""
import click

settings_option = click.option('--settings', 'settings_path', type=click.Path(), metavar='FILE',
                               help='Settings file (TOML). Default: built-in values.')
bundle_option = click.option('--bundle', type=click.Path(), metavar='DIR',
                             help='Model bundle. Default: the shipped one.')
threads_option = click.option('--threads', type=int, metavar='N',
                              help='Threads of one inference; 0 for every core.')
json_option = click.option('--json', 'as_json', is_flag=True, help='Print JSON.')


def load_settings(path=None, **overrides):
    """See `service.settings.load_settings`."""
    from ..settings import load_settings as load
    return load(path, **overrides)


def make_pipeline(settings):
    """A pipeline as the settings say, not yet started.

    Raises:
        BundleError: a bundle that is not whole or not signed as the settings want it.
    """
    from ..bundle import Trust
    from ..pipeline import AnalysisOptions, Pipeline
    from ..selection import Runtime
    options = AnalysisOptions(settings.difference_threshold_c, settings.quality_limits())
    return Pipeline.from_folder(settings.bundle, options=options, runtime=Runtime.from_settings(settings),
                                trust=Trust.from_settings(settings))


__all__ = ['bundle_option', 'json_option', 'load_settings', 'make_pipeline', 'settings_option', 'threads_option']
