"""The settings for supervisors: what each is, where its value comes from, and another value from the next start on.

A change asks for the PIN once more. The rules are those of `service.settings` and `service.settings_changes`.
"""
import re
from dataclasses import Field
from typing import Any, Dict, Optional, Union, cast

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..languages import N_
from ..messages import InputError, SettingsError, ThermoscreenError
from ..settings import FIXED, SECTIONS, allowed_text
from ..settings_changes import STATION, Changes, Look
from .access import SUPERVISOR, admits
from .services import services

#: Registered only where there are operators, and a file for what they change.
blueprint = Blueprint('settings', __name__, url_prefix='/settings')

#: Sections as the page calls them.
TITLES = {'camera': N_('Camera'), 'model': N_('Model'), 'web': N_('Network and files'), 'screen': N_('Screen'),
          'overlay': N_('Picture'), 'analysis': N_('Analysis'), 'exams': N_('Exams'), 'hospital': N_('Hospital'),
          'quality': N_('Quality')}

N_('minutes', 'seconds', 'days', 'years', 'pictures', 'pages', 'threads', 'degrees', 'share', 'grey levels')
N_('%g minutes', '%g seconds', '%g days', '%g years', '%g pictures', '%g pages', '%g threads', '%g degrees', '%g share',
   '%g grey levels')

#: What a name says of its unit, which stands beside the value.
_UNIT = re.compile('_(minutes|cm|deg|c|s|mib|years|days)$')
_ACRONYM = re.compile(r'(?i)\b(ae|api|fhir|mpps|tls|url)\b')

_Answer = Union[str, Response, BaseResponse]


@blueprint.route('')
@admits(SUPERVISOR)
def page() -> _Answer:
    """The sections, and what waits for the next start."""
    return _overview()


@blueprint.route('/<section>')
@admits(SUPERVISOR)
def keys(section: str) -> str:
    """The settings of a section."""
    if section not in SECTIONS:
        abort(404)
    look = _changes().look()
    return render_template('settings_section.html', title=TITLES[section], section=section,
                           rows=[_row(look, entry) for entry in SECTIONS[section].values()])


@blueprint.route('/<section>/<name>')
@admits(SUPERVISOR)
def key(section: str, name: str) -> str:
    """One setting."""
    entry, look = _entry(section, name), _changes().look()
    return render_template('setting.html', row=_row(look, entry), basis=_text(entry, getattr(look.basis, name)),
                           origin=look.origins[name], is_changed=look.origins[name] == STATION, mark=look.mark)


@blueprint.route('/<section>/<name>/change')
@admits(SUPERVISOR)
def question(section: str, name: str) -> _Answer:
    """Where another value is given."""
    return _ask(_entry(section, name))


@blueprint.route('/<section>/<name>', methods=['POST'])
@admits(SUPERVISOR, act='change a setting')
def change(section: str, name: str) -> _Answer:
    """Change a setting, or have it be what the settings file says."""
    entry, form = _entry(section, name), request.form
    value = None if form.get('basis') == 'yes' else _value(entry, form.get('value', '').strip())
    try:
        _changes().change(name, value, form.get('mark', ''), g.operator.id)
    except ThermoscreenError as error:
        return _ask(entry, error) if name not in FIXED else _overview(error)
    return redirect('/settings/%s/%s' % (section, name), 303)


@blueprint.route('/before', methods=['POST'])
@admits(SUPERVISOR, act='take back the last change of the settings')
def take_back() -> _Answer:
    """Bring back the settings before the last change."""
    try:
        _changes().take_back(request.form.get('mark', ''), g.operator.id)
    except ThermoscreenError as error:
        return _overview(error)
    return redirect('/settings', 303)


@blueprint.route('/restart', methods=['POST'])
@admits(SUPERVISOR)
def restart() -> _Answer:
    """Start the service anew, unless an exam is under way or something is being kept."""
    try:
        _check_idle()
    except ThermoscreenError as error:
        return _overview(error)
    changes = _changes()
    changes.restarting = True
    changes.restart()
    return redirect('/settings/restart', 303)


@blueprint.route('/restart')
@admits(SUPERVISOR)
def restarting() -> _Answer:
    """The screen until the service is there again."""
    return render_template('settings_restart.html') if _changes().restarting else redirect('/settings', 303)


def _overview(error: Optional[ThermoscreenError] = None) -> _Answer:
    look = None
    try:
        look = _changes().look()
    except ThermoscreenError as wrong:  # changed by hand, and the next start would not come up
        error = error or wrong
    waiting = [] if look is None else [_row(look, entry) for entries in SECTIONS.values() for entry in entries.values()
                                       if entry.name in look.waiting(_changes().running)]
    html = render_template('settings.html', look=look, waiting=waiting, message=error and error.message,
                           sections=TITLES.items())
    return make_response(html, error.http_status if error else 200)


def _ask(entry: 'Field[Any]', error: Optional[ThermoscreenError] = None) -> _Answer:
    if entry.name in FIXED:
        abort(404)
    look = _changes().look()
    value = getattr(look.coming, entry.name)
    choices = entry.metadata['choices']
    options = {True: N_('on'), False: N_('off')} if entry.type is bool else {choice: choice for choice in choices}
    html = render_template('setting_entry.html', row=_row(look, entry), mark=look.mark, message=error and error.message,
                           options=[(_plain(option), words, option == value) for option, words in options.items()],
                           value=request.form.get('value', _plain(value)))
    return make_response(html, 400 if isinstance(error, SettingsError) else error.http_status if error else 200)


def _row(look: Look, entry: 'Field[Any]') -> Dict[str, Any]:
    """A setting as the pages show it."""
    rules = entry.metadata
    now, coming = getattr(_changes().running, entry.name), getattr(look.coming, entry.name)
    return {'name': entry.name, 'section': rules['section'],
            'title': _ACRONYM.sub(lambda word: word.group().upper(),
                                  _UNIT.sub('', entry.name).replace('_', ' ').capitalize()),
            'sentence': rules['sentence'], 'unit': rules['unit'], 'low': rules['low'], 'high': rules['high'],
            'is_text': entry.type is str and not rules['choices'], 'may_be_empty': rules['may_be_empty'],
            'fixed': FIXED.get(entry.name, ''), 'now': _text(entry, now), 'coming': _text(entry, coming),
            'waits': now != coming, 'default': _text(entry, entry.default), 'allowed': allowed_text(entry)}


def _text(entry: 'Field[Any]', value: Any) -> str:
    """A value as people read it."""
    if entry.type is bool:
        return 'on' if value else 'off'
    if entry.type is str:
        return value or N_('none')
    return (_plain(value) + ' ' + entry.metadata['unit']).rstrip()


def _plain(value: Any) -> str:
    """A value as a form sends it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else '%.10g' % value


def _value(entry: 'Field[Any]', text: str) -> Any:
    """What a form gives, in the type of the setting; the text itself where it is none, which is refused below."""
    try:
        if entry.type is bool:
            return {'true': True, 'false': False}[text]
        return entry.type(text.replace(',', '.')) if entry.type in (int, float) else text
    except (KeyError, ValueError, OverflowError):
        return text


def _entry(section: str, name: str) -> 'Field[Any]':
    if name not in SECTIONS.get(section, {}):
        abort(404)
    return SECTIONS[section][name]


def _check_idle() -> None:
    """Whether nothing is lost by a restart.

    Raises:
        ExamError: ``exam-under-way``.
        InputError: ``restart-busy``.
        StorageError: nobody knows whether an exam is under way.
    """
    objects = services()
    if objects.acquisition is not None:
        objects.acquisition.check_alone()
    if (objects.sessions is not None and objects.sessions.is_working
            or objects.backups is not None and objects.backups.progress.is_running):
        raise InputError('restart-busy', 'Something is being kept, exported or copied.', 'Wait until it has ended.')


def _changes() -> Changes:
    return cast(Changes, services().changes)
