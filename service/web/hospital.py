"""The page of what leaves for the hospital: what has arrived, what waits, what was refused, and trying it again."""
from typing import Any, Dict, List, cast

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..clock import shown_time
from ..exams import Exams
from ..hospital.outbox import Outbox
from ..hospital.outbox_rows import FAILED, QUEUED, SENT
from ..messages import ThermoscreenError
from .access import CLINICAL, admits
from .services import services

#: Registered only where something is sent.
blueprint = Blueprint('hospital', __name__, url_prefix='/hospital')

#: Most exams on the page, of which what is refused comes first, and most that are counted.
_SHOWN, _MOST = 3, 1000


@blueprint.route('')
@admits(*CLINICAL)
def page() -> str:
    """How it is, and every exam that is not in the archive."""
    outbox = _outbox()
    return render_template('hospital.html', summary=outbox.summary(), counts=outbox.counts(), entries=_entries(outbox),
                           most=_SHOWN)


@blueprint.route('/again', methods=['POST'])
@admits(*CLINICAL)
def again() -> BaseResponse:
    """Try again now, of one exam or of all."""
    _outbox().try_again(request.form.get('exam', ''))
    return redirect('/hospital', 303)


def _entries(outbox: Outbox) -> List[Dict[str, Any]]:
    """The exams that are not in the archive, each with how many of its objects are there and what is in the way."""
    exams = cast(Exams, services().exams)
    found: Dict[str, Dict[str, Any]] = {}
    for state in (FAILED, QUEUED, SENT):
        for row in outbox.rows(states=(state,)):
            if row.exam not in found and len(found) < _MOST:
                try:
                    number = exams.get(row.exam).number
                except ThermoscreenError:  # it was removed a moment ago
                    continue
                found[row.exam] = {'id': row.exam, 'number': number, 'state': state, 'message': outbox.message(row),
                                   'since': shown_time(row.since), 'open': 0}
            if row.exam in found:
                found[row.exam]['open'] += 1
    return list(found.values())


def _outbox() -> Outbox:
    return cast(Outbox, services().outbox)
