"""Whether the bundle is whole and gives its golden answer on this machine."""
from ...analysis import NO_FINDING
from ...errors import ThermoscreenError
from ...pipeline import Pipeline
from ..report import OK, PROBLEM, Report


def check(settings):
    """Load the bundle, run its golden pair, and name bundle and backend."""
    try:
        with Pipeline.from_folder(settings.bundle, settings.threads) as pipeline:
            manifest, backend, proof = pipeline.bundle.manifest, pipeline.backend, pipeline.proof
    except ThermoscreenError as error:
        return Report('model', PROBLEM, error.message, facts=dict(error.to_dict(), folder=settings.bundle))
    identity = manifest.identity
    names = (identity['id'], identity['version'], identity['hash'][:12], backend['name'], backend['version'])
    sentence = '%s %s (%s) gives its golden answer on %s %s.' % names
    return Report('model', OK, sentence if manifest.finding else sentence + ' ' + NO_FINDING,
                  facts={'bundle': identity, 'backend': backend, 'golden': proof, 'folder': settings.bundle})
