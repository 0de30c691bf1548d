"""The status page: the station's parts in an operator's words, its timing, and every figure that is measured."""
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, cast

import numpy as np
from flask import Blueprint, abort, render_template

from ..certificate import certificate_message, utc_now
from ..exams import gathered
from ..hospital.peers import tls_message
from ..hospital.site import Tls
from ..live import BOUNDS_MS, RECENT, StageTimes
from ..messages import INFO, OK, WARNING, Message, ThermoscreenError
from ..selection import noteworthy
from ..supervise import CAPTURE, INFERENCE, STORAGE
from ..telemetry import machine_figures, machine_messages
from .access import CLINICAL, INTEGRATOR, admits, may_see_patients
from .services import Services, services

if TYPE_CHECKING:
    from ..exams import Entry, Exams
    from ..telemetry import Reading

blueprint = Blueprint('status', __name__, url_prefix='/status')

#: Parts of the page, in the order of their buttons: (address, label of the button).
PARTS = (('', 'Overview'), ('timing', 'Timing'), ('board', 'Board'))

#: Percentiles of the table, nearest rank: always a value that was measured.
PERCENTILES = (50, 95, 99)

#: Stages as the page calls them; a stage that is not listed keeps its name.
_STAGES = {'capture': 'wait for camera', 'preprocess': 'equalise', 'infer': 'network', 'infer_classifier': 'classifier',
           'decode': 'regions', 'analyse': 'measure', 'overlay': 'draw', 'total': 'all but the wait',
           'page': 'camera to page'}

#: Below this share of the camera's rate the page says that not every picture is analysed.
_KEEPS_UP = 0.9

#: Counts of the capture that are shown where they are not zero.
_FAULTS = ('lost', 'missed', 'repeated', 'bad', 'stalls', 'reconnects')

#: Pictures of the first sentence on timing, and the fewest of which nine of ten say anything.
_NEWEST, _ENOUGH = 100, 10

#: A picture that takes longer is felt to lag.
_SLOW_MS = 500.0

StageRow = Tuple[str, Tuple[float, ...]]


@blueprint.route('', defaults={'part': ''})
@blueprint.route('/<part>')
@admits(INTEGRATOR, *CLINICAL)
def page(part: str) -> str:
    """One of `PARTS`."""
    if part not in dict(PARTS):
        abort(404)
    objects = services()
    reading = objects.vitals.newest
    latencies = objects.live.latencies.read()
    stages = stage_rows(latencies)
    attention, well = _messages(objects, reading, dict(stages))
    under_way = _under_way(objects)[0] if may_see_patients() else None
    return render_template('status.html', part=part, parts=PARTS, attention=attention, well=well,
                           stages=stages, heads=_heads(), recent=min(RECENT, _picture_count(latencies)),
                           sentences=in_words(objects, latencies), figures=machine_figures(reading),
                           offered=reading.offered or reading.age_s is None, backed_up=objects.backups is not None,
                           under_way=under_way)


def stage_rows(latencies: Dict[str, StageTimes]) -> List[StageRow]:
    """Name of every stage, and its milliseconds at `PERCENTILES` and at most, over the newest pictures."""
    return [(_STAGES.get(stage, stage.replace('_', ' ').replace('-', ' ')), percentiles(times.recent_ms))
            for stage, times in latencies.items()]


def percentiles(times_ms: Sequence[float]) -> Tuple[float, ...]:
    """Times at `PERCENTILES`, and the longest."""
    ordered = np.sort(np.asarray(times_ms))
    ranks = [max(0, int(np.ceil(percent / 100.0 * ordered.size)) - 1) for percent in PERCENTILES]
    return tuple(float(ordered[rank]) for rank in ranks) + (float(ordered[-1]),)


def _messages(objects: Services, reading: 'Reading', stages: Dict[str, Tuple[float, ...]]
              ) -> Tuple[List[Message], List[Message]]:
    """What needs attention, and what is well."""
    messages = every_message(objects, reading, stages)
    return ([message for message in messages if message.severity != OK],
            [message for message in messages if message.severity == OK])


def every_message(objects: Services, reading: 'Reading', stages: Dict[str, Tuple[float, ...]]) -> List[Message]:
    """How the station and its machine are, each subject once.

    Args:
        objects: the application's.
        reading: of the machine.
        stages: as of `stage_rows`.
    """
    messages = station_messages(objects, stages)
    subjects = {message.subject for message in messages}
    # A disk that is stuck may have room as well, which does not matter then.
    return messages + [message for message in machine_messages(reading) if message.subject not in subjects]


def station_messages(objects: Services, stages: Dict[str, Tuple[float, ...]]) -> List[Message]:
    """How camera, analysis, model and certificate are; recovery key, disk and live picture where something is wrong.

    Args:
        objects: the application's.
        stages: as of `stage_rows`.

    Returns:
        ``facts`` of each has ``figures``, a line for the technician.
    """
    live = objects.live
    values = live.state.values['live']
    troubles = live.heartbeats.troubles()
    messages = [_camera(live.state.status, values['camera'], live.pulse()['capture'], troubles),
                _analysis(live.state.status, values, troubles, stages), _model(objects)]
    if objects.exams is not None:
        messages += _exams(objects)
    if objects.sessions is not None and not objects.sessions.operators.recovery_is_written_down:
        messages.append(Message('recovery-unwritten', 'Nobody has said that the recovery key is written down.',
                                'A supervisor makes another one: Operators, Recovery key.', WARNING, 'recovery key'))
    if objects.backups is not None:
        messages.append(objects.backups.last)
    if objects.outbox is not None:
        messages += objects.outbox.messages[:1] or [objects.outbox.summary()]
    tested = None if objects.exam_job is None else objects.exam_job.last_test
    if tested is not None:
        messages.append(tested)
    settings = objects.settings
    if settings.open_at:
        messages.append(certificate_message(settings.certificate, settings.certificate_key, utc_now()))
    if settings.tls_certificate:
        messages.append(tls_message(Tls(settings.tls_certificate, settings.tls_key, settings.tls_trusted)))
    if objects.testing is not None and objects.testing.steps is not None:
        messages.append(objects.testing.steps.message)
    if objects.worklist is not None:
        asked = objects.worklist.message
        messages.append(replace(asked, severity=OK) if asked.severity == INFO else asked)
    stands = None if objects.screen is None else objects.screen.message()
    if stands is not None:
        messages.append(stands)
    ages_s = live.heartbeats.stale()
    return messages + [replace(message, subject='disk' if part == STORAGE else part,
                               facts={'figures': 'silent for %.0f s' % ages_s.get(part, 0.0)})
                       for part, message in troubles.items() if part not in (CAPTURE, INFERENCE)]


def _camera(status: Message, camera: Dict[str, Any], capture: Dict[str, Any], troubles: Dict[str, Message]) -> Message:
    if CAPTURE in troubles:
        message = troubles[CAPTURE]
    elif status.severity != OK and status.subject == 'camera':
        message = status
    elif capture['notice']:
        message = replace(Message(**capture['notice']), severity=OK)
    elif capture['quality']['messages']:
        message = Message(**capture['quality']['messages'][0])
    else:
        message = Message('camera-ok', 'The camera sends good pictures.', severity=OK)
    unit = {'celsius': 'in °C', 'relative': 'without temperatures'}.get(camera.get('unit', ''))
    rate_hz = camera.get('rate_hz')
    # Its kind and not its name: a replayed folder may be called after a patient.
    figures = [camera.get('kind'), '%dx%d' % (camera['width'], camera['height']) if camera.get('width') else '', unit,
               'at most %.4g a second' % rate_hz if rate_hz else '',
               '; '.join('%d %s' % (capture[name], name) for name in _FAULTS if capture[name])]
    return replace(message, subject='camera', facts={'figures': ', '.join(part for part in figures if part)})


def _analysis(status: Message, live: Dict[str, Any], troubles: Dict[str, Message],
              stages: Dict[str, Tuple[float, ...]]) -> Message:
    rate_hz, camera_hz = live['rate_hz'], live['camera'].get('rate_hz')
    if INFERENCE in troubles:
        message = troubles[INFERENCE]
    elif status.severity != OK and status.subject == 'analysis':
        message = status
    elif status.severity != OK:
        message = Message('analysis-ok', 'It waits for the camera.', severity=OK)
    elif rate_hz and camera_hz and rate_hz < _KEEPS_UP * camera_hz:
        message = Message('analysis-ok', 'It shows %.1f of %.1f pictures a second.' % (rate_hz, camera_hz),
                          severity=OK)
    else:
        message = Message('analysis-ok', 'It keeps up with the camera.', severity=OK)
    figures = ['%s %.0f ms, p99 %.0f' % (name, stages[name][0], stages[name][-2])
               for name in ('network', 'camera to page') if name in stages]
    figures.append('%d shown, %d left out' % (live['shown'], live['dropped']))
    return replace(message, subject='analysis', facts={'figures': '; '.join(figures)})


def _model(objects: Services) -> Message:
    pipeline = objects.pipeline
    identity, backend = pipeline.bundle.manifest.identity, pipeline.backend
    figures = [identity['id'], identity['version'], identity['hash'][:12], 'on', backend.get('name', ''),
               backend.get('provider', '').replace('ExecutionProvider', ''), backend.get('precision', '')]
    facts = {'figures': ' '.join(word for word in figures if word)}
    changed = None if objects.changing is None else objects.changing.trial.message
    if changed is not None and changed.severity != OK:
        return replace(changed, facts=facts)
    passed_over = noteworthy(pipeline.passed_over)
    if passed_over:
        return Message(passed_over[0].code, 'The model runs, but not in the fastest way.', 'Tell the technician; '
                       'About, Software says what was passed over.', WARNING, 'model', facts)
    if changed is not None:
        return replace(changed, facts=facts)
    return Message('model-ok', 'The model runs as it was delivered.', '', OK, 'model', facts)


def _exams(objects: Services) -> List[Message]:
    """The exam that is under way, why nothing is kept any more, and what was found at the start and since."""
    exams = cast('Exams', objects.exams)
    found = gathered(exams.messages) + ([] if exams.failure is None else [exams.failure.message])
    entry, unknown = _under_way(objects)
    if entry is not None:
        found.append(Message('exam-going-on', 'Exam %d is under way.' % entry.row.number, '', OK))
    if unknown is not None:
        found.append(unknown)
    return [replace(message, subject='exams') for message in found]


def _under_way(objects: Services) -> 'Tuple[Optional[Entry], Optional[Message]]':
    """The exam that is under way, or why nobody knows."""
    try:
        return None if objects.acquisition is None else objects.acquisition.under_way(), None
    except ThermoscreenError as error:
        return None, error.message


def _heads() -> List[str]:
    return ['median' if percent == 50 else 'p%d' % percent for percent in PERCENTILES] + ['longest']


def _picture_count(latencies: Dict[str, StageTimes]) -> int:
    return max((sum(times.counts) for times in latencies.values()), default=0)


def in_words(objects: Services, latencies: Dict[str, StageTimes]) -> List[str]:
    """The figures of the live picture as sentences, the one that matters most first.

    Args:
        objects: the application's.
        latencies: times of each stage.
    """
    live = objects.live.state.values['live']
    sentences: List[str] = []
    for stage, form in (('page', 'The last %d pictures took %.0f ms from the camera to the page, 9 of 10 at most '
                         '%.0f ms.'), ('total', 'The last %d pictures took %.0f ms each, 9 of 10 at most %.0f ms.')):
        newest = np.sort(latencies[stage].recent_ms[-_NEWEST:] if stage in latencies else ())
        if newest.size >= _ENOUGH and not sentences:
            sentences.append(form % (newest.size, newest[newest.size // 2], newest[-(-9 * newest.size // 10) - 1]))
            counts = latencies[stage].counts
            slow = sum(count for count, bound_ms in zip(counts[1:], BOUNDS_MS) if bound_ms >= _SLOW_MS)
            sentences.append('Since the start %d of %d pictures took longer than half a second.' % (slow, sum(counts)))
    if live['rate_hz'] is not None:
        sentences.append('%.1f pictures a second are shown.' % live['rate_hz'])
    sentences.append('Since the start %d pictures were shown, and %d left out because the station was busy.'
                     % (live['shown'], live['dropped']))
    capture = objects.live.pulse()['capture']
    sentences.append('The camera gave %d frames; %d never arrived, %d were damaged.'
                     % (capture['received'], capture['lost'], capture['bad']))
    if capture['reconnects']:
        sentences.append('Times that the camera came back: %d.' % capture['reconnects'])
    sentences.append('%d of at most %d pages watch.' % (objects.events.taken, objects.events.limit))
    return sentences
