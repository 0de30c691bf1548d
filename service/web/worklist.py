"""The page of the worklist: who is scheduled, big enough for gloves; a wristband picks its row.

A list that is shown does not move: what came meanwhile waits behind a button.
"""
import datetime
from typing import Optional, Union, cast

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..acquisition import Newcomer
from ..exams import Patient
from ..hospital.worklist import Row, Worklist
from ..languages import N_
from ..messages import OK, WARNING, Message
from .access import CLINICAL, admits, audited
from .exam_forms import acquisition
from .exams import MAX_NAME, session_id
from .responses import json_reply, whole_number
from .services import services

#: Registered only where exams are kept and there is a worklist.
blueprint = Blueprint('worklist', __name__, url_prefix='/worklist')

#: Rows of one page: as many as fit on the smallest panel.
PER_PAGE = 6

#: The days that are asked for, by their distance from today.
DAYS = {'yesterday': (-1, N_('Yesterday')), 'today': (0, N_('Today')), 'tomorrow': (1, N_('Tomorrow'))}

_Answer = Union[str, Response, BaseResponse]


@blueprint.route('')
@admits(*CLINICAL)
@audited('worklist-viewed')
def page() -> _Answer:
    """The rows of a day, from the one of number ``first`` on."""
    room = acquisition()
    if room.under_way() is not None:
        return redirect('/home', 303)
    room.newcomers.pop(session_id(), None)
    return _list()


@blueprint.route('', methods=['POST'])
@admits(*CLINICAL)
def choose() -> _Answer:
    """Go on with a row, by its ``key``, or with that of a wristband, by its ``number``."""
    listing, number = _worklist().listing, request.form.get('number', '').strip()[:MAX_NAME]
    if number:
        found = [row for row in listing.of_day(_worklist().today) if row.patient.id == number]
        if not found:  # whoever goes on without the list need not scan again
            acquisition().newcomers[session_id()] = Newcomer(Patient(number))
            return _list(message=Message(
                'worklist-unlisted', 'The number %s is not on the worklist of today.' % number, 'Ask the worklist '
                'again, or go on without it.', WARNING))
        if len(found) > 1:
            return _list(number)
        row: Optional[Row] = found[0]
    else:
        row = listing.row(request.form.get('key', ''))
    if row is None:
        return _list(message=Message('list-changed', 'The worklist has changed since it was shown.', 'Choose again.',
                                     WARNING))
    acquisition().newcomers[session_id()] = Newcomer(row.patient, row.order, row.patient.id in listing.similar)
    return redirect('/exams/new', 303)


@blueprint.route('/refresh', methods=['POST'])
@admits(*CLINICAL)
def refresh() -> BaseResponse:
    """Ask the worklist now."""
    _worklist().refresh()
    return redirect('/worklist', 303)


@blueprint.route('/news')
@admits(*CLINICAL)
@audited('')
def news() -> Response:
    """Whether the worklist is being asked, how old the list is, and when it was read."""
    worklist = _worklist()
    return json_reply({'asking': worklist.asking, 'read_s': worklist.listing.read_s,
                       'age_minutes': worklist.age_minutes()})


def _list(number: str = '', message: Optional[Message] = None) -> _Answer:
    """The rows of a day, or of today those of one number of a patient."""
    worklist, first = _worklist(), whole_number('first', 0)
    name = request.args.get('day', '')
    name = name if name in DAYS and not number else 'today'
    day = (datetime.date(*map(int, worklist.today.split('-'))) + datetime.timedelta(DAYS[name][0])).isoformat()
    rows = [row for row in worklist.listing.of_day(day) if number in ('', row.patient.id)]
    more = first + PER_PAGE if len(rows) > first + PER_PAGE else 0
    told = message or (worklist.message if worklist.message.severity != OK else None)
    html = render_template(
        'worklist.html', rows=rows[first:first + PER_PAGE], more=more, day=name, message=told,
        days={key: words for key, (_, words) in DAYS.items()}, listing=worklist.listing, asking=worklist.asking,
        age_minutes=worklist.age_minutes(), date_message=acquisition().exams.date_message())
    return make_response(html, 409 if message is not None else 200)


def _worklist() -> Worklist:
    return cast(Worklist, services().worklist)
