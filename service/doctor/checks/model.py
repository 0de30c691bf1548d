"""Whether the bundle is whole and gives its golden answer on this machine."""
from ...errors import ThermoscreenError
from ...pipeline import Pipeline
from ..report import OK, PROBLEM, Report


def check(settings):
    """Load the bundle, run its golden pair, and name bundle and backend."""
    try:
        with Pipeline.from_folder(settings.bundle, settings.threads) as pipeline:
            identity, backend = pipeline.bundle.manifest.identity, pipeline.backend
            proof = pipeline.proof
    except ThermoscreenError as error:
        return Report('model', PROBLEM, error.message, facts=dict(error.to_dict(), folder=settings.bundle))
    return Report('model', OK, '%s %s (%s) gives its golden answer on %s %s.'
                  % (identity['id'], identity['version'], identity['hash'][:12], backend['name'], backend['version']),
                  facts={'bundle': identity, 'backend': backend, 'golden': proof, 'folder': settings.bundle})
