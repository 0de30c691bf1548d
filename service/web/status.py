"""How the station is: in an operator's words, then stage by stage, then every figure that is measured."""
import numpy as np
from flask import Blueprint, abort, render_template

from ..live import RECENT
from ..messages import OK
from ..telemetry import machine_figures, machine_reports
from .services import services
from .station_words import station_reports

blueprint = Blueprint('status', __name__, url_prefix='/status')

#: Parts of the page, in the order of their buttons: (address, words on the button).
PARTS = (('', 'Overview'), ('timing', 'Timing'), ('board', 'Board'))

#: Percentiles of the table, nearest rank: a value that was measured, never one in between.
PERCENTILES = (50, 95, 99)

#: Stages as a person calls them; another one keeps its name.
_STAGES = {'capture': 'wait for camera', 'preprocess': 'equalise', 'infer': 'network', 'decode': 'regions',
           'analyse': 'measure', 'overlay': 'draw', 'total': 'all but the wait', 'page': 'camera to page'}


@blueprint.route('', defaults={'part': ''})
@blueprint.route('/<part>')
def page(part):
    """One part of how the station is now."""
    if part not in dict(PARTS):
        abort(404)
    known = services()
    reading = known.vitals.newest
    latencies = known.live.latencies.read()
    stages = stage_rows(latencies)
    wanting, well = _reports(known, reading, dict(stages))
    return render_template('status.html', part=part, parts=PARTS, reports=wanting + well, attention=len(wanting),
                           stages=stages, heads=_heads(), recent=min(RECENT, _pictures(latencies)),
                           pictures=_picture_figures(known), figures=machine_figures(reading),
                           offered=reading.offered or reading.age_s is None)


def stage_rows(latencies):
    """The newest pictures, stage by stage.

    Args:
        latencies (dict): as of `Latencies.read`.
    Returns:
        list of (str, tuple of float): stage as a person calls it; milliseconds at `PERCENTILES`, and the longest.
    """
    rows = []
    for stage, times in latencies.items():
        ordered = np.sort(np.asarray(times.recent_ms))
        ranks = [max(0, int(np.ceil(percent / 100.0 * ordered.size)) - 1) for percent in PERCENTILES]
        rows.append((_STAGES.get(stage, stage.replace('_', ' ').replace('-', ' ')),
                     tuple(float(ordered[rank]) for rank in ranks) + (float(ordered[-1]),)))
    return rows


def _reports(known, reading, stages):
    """(reports of what needs attention, reports of what is well)."""
    reports = station_reports(known, stages)
    told = {report.subject for report in reports}
    # A disk that hangs has room as well, which nobody wants to hear.
    reports += [report for report in machine_reports(reading) if report.subject not in told]
    return ([report for report in reports if report.severity != OK],
            [report for report in reports if report.severity == OK])


def _heads():
    return ['median' if percent == 50 else 'p%d' % percent for percent in PERCENTILES] + ['longest']


def _pictures(latencies):
    return max((sum(times.counts) for times in latencies.values()), default=0)


def _picture_figures(known):
    live = known.live.state.values['live']
    rate_hz = live['rate_hz']
    lines = [('shown', str(live['shown'])), ('left out', str(live['dropped'])),
             ('a second', '' if rate_hz is None else '%.1f' % rate_hz),
             ('pages that watch', '%d of at most %d' % (known.events.taken, known.events.limit))]
    return [(name, text) for name, text in lines if text]
