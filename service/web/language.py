"""The language of the pages: what templates and scripts translate with."""
import hashlib
import json
from functools import partial
from typing import Any, Dict

from flask import Blueprint, Flask, Response, current_app
from markupsafe import Markup

from ..degrees import CELSIUS, FAHRENHEIT, shown
from ..languages import N_, Language
from ..messages import printable
from .access import ANYONE, admits
from .responses import text_reply

#: Words that pages make of names: views, regions, parts of a date, roles, states, layers, checks, subjects, stages.
N_('Frontal', 'Right oblique', 'Left oblique', 'Right lateral', 'Left lateral', 'Raised arms', 'Dynamic', 'frontal',
   'right oblique', 'left oblique', 'right lateral', 'left lateral', 'raised arms', 'dynamic', 'right lateral view',
   'left lateral view', 'right oblique view', 'left oblique view', 'side view')
N_('Right breast', 'Left breast', 'Right nipple', 'Left nipple', 'Right armpit', 'Left armpit', 'Neck',
   'right breast', 'left breast', 'right nipple', 'left nipple', 'right armpit', 'left armpit', 'neck', 'breast',
   'nipple', 'armpit', 'upper outer quadrant', 'upper inner quadrant', 'lower outer quadrant', 'lower inner quadrant',
   'left breast and the right breast', 'right breast and the left breast', 'left and the right',
   'bottom and the left', 'bottom and the right', 'bottom and the left and the right', 'Right', 'Left', 'right',
   'left', 'top', 'bottom', 'upper', 'lower', 'inner', 'outer')
N_('Day', 'Month', 'Year', 'day', 'month', 'year')
N_('Operator', 'Supervisor', 'Integrator', 'operator', 'supervisor', 'integrator')
N_('draft', 'acquiring', 'review', 'signed', 'amended', 'discarded')
N_('Original', 'Equalised', 'Regions', 'Difference', 'Live')
N_('signal', 'saturation', 'body', 'skin range', 'focus', 'view', 'breasts', 'in frame', 'sides', 'upright',
   'confidence', 'camera', 'warm-up', 'room', 'motion', 'background', 'coverage', 'rotation', 'distance', 'centre',
   'symmetry')
N_('Camera', 'Analysis', 'Model', 'Disk', 'Temperature', 'Speed', 'Supply', 'Memory', 'Exams', 'Date', 'Audit',
   'Backup', 'Storage', 'Screen', 'Recovery key', 'Database', 'Certificate', 'Sensors', 'Clock', 'Rights', 'Keys')
N_('wait for camera', 'equalise', 'network', 'classifier', 'regions', 'measure', 'draw', 'encode', 'all but the wait',
   'camera to page', 'quality', 'median', 'longest', 'shown', 'left out', 'a second', 'pages that watch', 'lost',
   'missed', 'repeated', 'bad', 'stalls', 'reconnects')

N_('Temperature of the room in °C', 'temperature of the room in °C', 'Humidity of the air in percent',
   'humidity of the air in percent', 'Minutes of acclimatisation', 'minutes of acclimatisation', 'Distance in metres',
   'distance in metres', 'Day of the cycle', 'day of the cycle')

blueprint = Blueprint('language', __name__)


@blueprint.route('/words')
@admits(ANYONE, while_waiting=True)
def words() -> Response:
    """Every translation, and what of it is measured, for the scripts of a page; its address changes with them."""
    return text_reply(_told(current_app.extensions['language']))


def _told(language: Language) -> str:
    return json.dumps({'words': language.words, 'measured': language.measured}, sort_keys=True)


def _in_unit(is_difference: bool, unit: str, number: Any) -> str:
    return shown(str(number), is_difference) if unit == FAHRENHEIT else str(number)


def install(app: Flask, name: str, unit: str = CELSIUS) -> None:
    """Give the templates of an application a language: ``_()``, ``{% trans %}`` and the filter ``translated``.

    With it come the filters ``temperature`` and ``difference`` for a number in °C that stands alone.

    Args:
        app: the application.
        name: one of `service.languages.LANGUAGES`.
        unit: in which temperatures are shown, but for reports, one of `service.degrees.SIGNS`.
    """
    language = Language(name, unit)

    def filled(text: str, values: Dict[str, Any]) -> Markup:
        # Catalogues are ours and may hold markup; values come from anywhere.
        return Markup(text) % {key: printable(value) if type(value) is str else value for key, value in values.items()}

    def worded(text: str, **values: Any) -> Markup:
        return filled(language.words.get(text, text), language.in_unit(text, values))

    def counted(one: str, many: str, count: int, **values: Any) -> Markup:
        return filled(language.counted(one, many, count), values)

    env = app.jinja_env
    env.add_extension('jinja2.ext.i18n')
    env.policies['ext.i18n.trimmed'] = True
    # As the extension's own functions of the new style, which know neither `printable` nor sentences with values.
    vars(env).update(newstyle_gettext=True)
    env.globals.update(_=worded, gettext=worded, ngettext=counted, language=name, words='', unit=unit)
    env.filters['translated'] = language.translated
    for kind, is_difference in (('temperature', False), ('difference', True)):
        env.filters[kind] = partial(_in_unit, is_difference, unit)
    if language.words:
        version = hashlib.sha256(_told(language).encode()).hexdigest()[:12]
        env.globals['words'] = '/words?%s' % version
    app.extensions['language'] = language
    app.extensions['report-language'] = language if unit == CELSIUS else Language(name)
    app.register_blueprint(blueprint)
