"""Whether the bundle is whole and gives its golden answer on this machine, and what runs it."""
from dataclasses import replace

from ...analysis import NO_FINDING
from ...bundle import Trust
from ...messages import OK, WARNING, Message, ThermoscreenError
from ...pipeline import Pipeline
from ...selection import CHOICE_NAME, Runtime, noteworthy


def check(settings):
    """Load the bundle as the service would, run its golden pair, and name bundle and backend."""
    try:
        with Pipeline.from_folder(settings.bundle, runtime=Runtime.from_settings(settings),
                                  trust=Trust.from_settings(settings)) as pipeline:
            manifest, backend, proof = pipeline.bundle.manifest, pipeline.backend, pipeline.proof
            passed_over = noteworthy(pipeline.passed_over)
    except ThermoscreenError as error:
        return replace(error.message, subject='model', facts={'folder': settings.bundle, 'detail': error.detail})
    identity = manifest.identity
    sentence = '%s %s (%s) gives its golden answer on %s.' % (identity['id'], identity['version'],
                                                              identity['hash'][:12], _named(backend))
    sentences = [sentence] + ([] if manifest.finding else [NO_FINDING]) + backend.get('notes', [])
    facts = {'bundle': identity, 'backend': backend, 'golden': proof, 'folder': settings.bundle}
    if not passed_over:
        return Message('model-ok', ' '.join(sentences), severity=OK, subject='model', facts=facts)
    sentences += ['Passed over %s: %s' % (message.subject, message.sentence) for message in passed_over]
    return Message(passed_over[0].code, ' '.join(sentences), _next_step(settings, passed_over), WARNING, 'model',
                   facts)


def _named(backend):
    """Backend, version, provider where there are several, and precision."""
    provider = backend.get('provider', '').replace('ExecutionProvider', '')
    words = [backend['name'], backend['version'], provider, backend['precision']]
    return ' '.join(word for word in words if word)


def _next_step(settings, passed_over):
    if any(message.subject.startswith('tensorrt:') for message in passed_over):
        return 'Build the engine again with thermoscreen compile %s.' % settings.bundle
    if any(message.subject == CHOICE_NAME for message in passed_over):
        return 'Measure again with thermoscreen choose %s --write.' % settings.bundle
    return passed_over[0].next_step
