"""The card with which a barcode scanner is set up: what it must send, two test codes, and what the station read."""
from flask import Blueprint, render_template

from ..barcode import CARD, code128, path, qr_of_card
from ..languages import N_
from .access import PEOPLE, admits

blueprint = Blueprint('scanner', __name__, url_prefix='/scanner')

#: What a scanner is set to, and to what; js/scanner.js tells which of them is not so.
SETTINGS = (
    (N_('Connection'), N_('USB keyboard (HID)')),
    (N_('Keyboard'), N_('United States; Caps Lock and ALT codes off')),
    (N_('Before a code'), N_('AIM identifier, such as ]C0')),
    (N_('After a code'), N_('Enter')),
    (N_('Between characters'), N_('20 ms or less')),
    (N_('Code kinds'), N_('those of the wristbands here alone: Code 128, GS1, QR, Data Matrix or Aztec')),
    (N_('Codes together'), N_('one at a time; no code twice within 2 s')))


@blueprint.route('')
@admits(*PEOPLE)
def page() -> str:
    """The card. It is printed from another computer; scanners with a camera read it from the screen."""
    bars, squares = code128(CARD), qr_of_card()
    return render_template('scanner.html', rows=SETTINGS, card=CARD, bars=path([bars], 40), width=len(bars),
                           squares=path(squares), size=len(squares))
