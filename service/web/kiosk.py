"""The browser of the kiosk: which pages are shown in it, and whether its screen lives.

Its pages send a beat every two seconds. A browser that hangs sends none; one whose picture stands draws no frame; one
that a window of its own covers is hidden. ``kiosk-browser.sh`` asks for the verdict and starts anew what it names.
"""
import re
import threading
import time
from typing import Any, Callable, Dict, List, Optional, cast

from flask import Blueprint, Flask, Response, current_app, request

from ..clock import boottime_ns
from ..entry import page_patterns
from ..messages import WARNING, InputError, Message
from .access import ANYONE, admits
from .responses import is_opened
from .services import Services

blueprint = Blueprint('kiosk', __name__)

#: What kiosk-browser.sh has its browser call itself.
AGENT = 'thermoscreen-kiosk'

#: Seconds without a beat, and of beats that say that the screen is not seen or not drawn.
SILENT_S, STANDS_S = 15.0, 10.0

#: Seconds after the start of the service, and after the machine slept, in which nothing is concluded.
GRACE_S = 30.0

#: The browser is started anew this often in this many seconds, then the display once.
TRIES, WITHIN_S = 3, 600.0

NONE, WELL, BROWSER, DISPLAY, LEFT = 'none', 'well', 'browser', 'display', 'left'

_NUMBER, _NAME = re.compile('[0-9]{1,9}'), re.compile('[a-z-]{0,20}')
_STANDS = Message('screen-stands', 'The screen of the station stands still, and starting it again did not help.',
                  'Switch the station off and on when no exam is under way.', WARNING)


class Screen:
    """Whether the screen of the kiosk lives; any thread may use it.

    Args:
        monotonic: seconds that stop while the machine sleeps.
        since_boot: seconds that do not.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic,
                 since_boot: Callable[[], float] = lambda: boottime_ns() / 1e9) -> None:
        self._monotonic, self._since_boot = monotonic, since_boot
        self._lock = threading.Lock()
        self._quiet_from_s = monotonic()
        self._slept_s = since_boot() - monotonic()
        self._beat_s: Optional[float] = None
        self._well_s = 0.0
        self._failing = False
        self._failures: List[float] = []
        self.shown: Dict[str, Any] = {}

    def beat(self, visible: bool, frames: int, picture: int = 0, name: str = '') -> None:
        """A page says how it is.

        Args:
            visible: whether nothing covers it.
            frames: drawn since its last beat.
            picture: number of the live picture that it shows; 0 for none.
            name: of the page.
        """
        with self._lock:
            now_s = self._monotonic()
            if self._beat_s is None or (visible and frames):
                self._well_s = now_s
            self._beat_s = now_s
            self.shown = {'picture': picture, 'name': name, 'frames': frames, 'visible': visible}

    def verdict(self, is_busy: bool = False) -> str:
        """What is to be done.

        Args:
            is_busy: whether an exam is being kept, which a restart must not disturb.

        Returns:
            `BROWSER` or `DISPLAY`, which is to be started anew; `LEFT` where that did not help; `WELL`; `NONE` where no
            beat came since the service started.
        """
        with self._lock:
            now_s = self._monotonic()
            slept_s = self._since_boot() - now_s
            if abs(slept_s - self._slept_s) > 1.0:
                self._slept_s, self._quiet_from_s = slept_s, now_s
            if self._beat_s is None:
                return NONE
            if now_s - self._beat_s <= SILENT_S and self._beat_s - self._well_s <= STANDS_S:
                self._failing = False
                return WELL
            if is_busy or now_s - self._quiet_from_s < GRACE_S:
                return WELL
            if not self._failing:
                self._failing = True
                self._failures = [at_s for at_s in self._failures if now_s - at_s < WITHIN_S] + [now_s]
            return BROWSER if len(self._failures) <= TRIES else DISPLAY if len(self._failures) == TRIES + 1 else LEFT

    def message(self) -> Optional[Message]:
        """What the status page says of it; None where nothing is wrong."""
        return _STANDS if self._failing and len(self._failures) > TRIES + 1 else None


def install(app: Flask) -> Screen:
    """Let an application be the kiosk's; what it knows of its screen."""
    app.extensions['screen'] = Screen()
    app.register_blueprint(blueprint)
    return app.extensions['screen']


def screen() -> Screen:
    """The `Screen` of the application that answers now."""
    return cast(Screen, current_app.extensions['screen'])


def in_kiosk() -> bool:
    """Whether the browser of the kiosk asks."""
    return not is_opened() and AGENT in request.headers.get('User-Agent', '')


def template_values(keyboard: str = 'kiosk', wristbands: str = '', blank_s: float = 0.0) -> Dict[str, Any]:
    """What `base.html` wants to know.

    Args:
        keyboard, wristbands: as of the settings.
        blank_s: seconds without a touch after which the page turns black; 0 for never.
    """
    kiosk = in_kiosk()
    return {'kiosk': kiosk, 'keys': kiosk and keyboard == 'kiosk', 'wristbands': page_patterns(wristbands),
            'blank_s': blank_s if kiosk else 0}


@blueprint.route('/screen/beat')
@admits(ANYONE, while_waiting=True)
def beat() -> Response:
    """A beat. It is a GET without a form, since nothing is kept of it but for seconds."""
    given = request.args
    numbers = [given.get('visible', ''), given.get('frames', ''), given.get('picture', '')]
    if not in_kiosk() or not all(_NUMBER.fullmatch(text) for text in numbers) \
            or not _NAME.fullmatch(given.get('name', '')):
        raise InputError('beat-refused', 'This is not the screen of the station.')
    visible, frames, picture = map(int, numbers)
    screen().beat(bool(visible), frames, picture, given.get('name', ''))
    return Response(status=204)


@blueprint.route('/screen')
@admits(ANYONE, while_waiting=True)
def verdict() -> Response:
    """The verdict, as one word on a line."""
    objects: Optional[Services] = current_app.extensions.get('thermoscreen')
    is_busy = objects is not None and objects.sessions is not None and objects.sessions.is_working
    return Response(screen().verdict(is_busy) + '\n', mimetype='text/plain')
