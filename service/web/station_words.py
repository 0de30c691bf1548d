"""Camera, analysis and model in words that an operator can act on, with the figures that a technician asks for."""
from ..messages import OK, PROBLEM, WARNING, Message
from ..selection import noteworthy
from ..supervise import INFERENCE, STORAGE

#: A picture rate below this share of the camera's is told as what it is: not every picture is analysed.
_KEEPS_UP = 0.9

#: Counts of the capture that are told where they are not zero.
_FAULTS = ('lost', 'repeated', 'bad', 'stalls', 'reconnects')

_AGAIN = 'Restart the station if it stays so.'


def station_reports(known, stages):
    """How the parts of the service are.

    Args:
        known (Services): what they are asked of.
        stages (dict): stage to milliseconds, as `service.web.status.stage_rows` gives them.
    Returns:
        list of Message: ``facts`` has ``figures``.
    """
    values = known.live.state.values['live']
    hanging = known.live.heartbeats.stale()
    reports = [_camera(values, known.live.pulse()['capture']), _analysis(values, hanging, stages),
               _model(known.pipeline)]
    if STORAGE in hanging:
        reports.append(Message('storage-stuck', 'The disk does not take anything any more.', _AGAIN, PROBLEM, 'disk',
                               {'figures': 'silent for %.0f s' % hanging[STORAGE]}))
    return reports


def _camera(live, capture):
    status, camera = live['status'], live['camera']
    rate_hz = camera.get('rate_hz')
    unit = {'celsius': 'in C', 'relative': 'without temperatures'}.get(camera.get('unit'))
    # Its kind and not its name: a replayed folder may be called after a patient.
    figures = ', '.join(part for part in (
        camera.get('kind'), '%dx%d' % (camera['width'], camera['height']) if camera.get('width') else '', unit,
        'at most %.4g a second' % rate_hz if rate_hz else '',
        '; '.join('%d %s' % (capture[name], name) for name in _FAULTS if capture[name])) if part)
    facts = {'figures': figures}
    if not status['running'] and status['part'] == 'camera':
        return Message(status['code'], status['sentence'], status['next_step'], WARNING, 'camera', facts)
    if capture['notice']:
        return Message(capture['notice']['code'], capture['notice']['sentence'], '', OK, 'camera', facts)
    if capture['quality']['messages']:
        worst = capture['quality']['messages'][0]
        return Message(worst['code'], worst['sentence'], worst['next_step'], WARNING, 'camera', facts)
    return Message('camera-ok', 'The camera sends good pictures.', '', OK, 'camera', facts)


def _analysis(live, hanging, stages):
    figures = []
    for name in ('network', 'camera to page'):
        if name in stages:
            figures.append('%s %.0f ms, p99 %.0f' % (name, stages[name][0], stages[name][-2]))
    figures.append('%d shown, %d left out' % (live['shown'], live['dropped']))
    facts = {'figures': '; '.join(figures)}
    status, rate_hz, camera_hz = live['status'], live['rate_hz'], live['camera'].get('rate_hz')
    if INFERENCE in hanging:
        return Message('inference-stuck', 'The analysis does not answer any more.', _AGAIN, PROBLEM, 'analysis', facts)
    if status['part'] == 'analysis':
        return Message(status['code'], status['sentence'], status['next_step'], WARNING, 'analysis', facts)
    if not status['running']:
        return Message('analysis-ok', 'It waits for the camera.', '', OK, 'analysis', facts)
    if rate_hz and camera_hz and rate_hz < _KEEPS_UP * camera_hz:
        return Message('analysis-ok', 'It shows %.1f of %.1f pictures a second.' % (rate_hz, camera_hz), '', OK,
                       'analysis', facts)
    return Message('analysis-ok', 'It keeps up with the camera.', '', OK, 'analysis', facts)


def _model(pipeline):
    identity, backend = pipeline.bundle.manifest.identity, pipeline.backend
    words = [identity['id'], identity['version'], identity['hash'][:12], 'on', backend.get('name', ''),
             backend.get('provider', '').replace('ExecutionProvider', ''), backend.get('precision', '')]
    figures = ' '.join(word for word in words if word)
    passed_over = noteworthy(pipeline.passed_over)
    if passed_over:
        return Message(passed_over[0].code, 'The model runs, but not in the fastest way.', 'Tell the technician; '
                       'About, Software says what was passed over.', WARNING, 'model', {'figures': figures})
    return Message('model-ok', 'The model runs as it was delivered.', '', OK, 'model', {'figures': figures})
