"""The kiosk's own start script on a real X server, with real touches and a real keyboard: what is seen, line by line.

With Xorg's driver ``inputtest`` a program touches and presses keys as a panel and a scanner do. A headless browser
knows neither a swipe nor a second window. It takes some minutes and stands beside the timed tests. Run from the top
folder, as root, where Xorg with the drivers ``dummy`` and ``inputtest`` is: ``python -m tests.service.web.kiosk_on_x``,
with ``exam``, ``fingers``, ``keys`` or ``standing`` behind it for one part.

It runs in a network namespace of its own, whose only way out ends in an interface that drops what it is given: all that
the station, the script or the browser sends to another machine is seen there, and nothing arrives. It ends with 1 where
something was seen that must not be, and with 0 where Xorg is not there.
"""
import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from service.exams import guide
from service.live import LiveLoop
from service.settings import Settings
from service.web.app import create_app
from service.web.server import Server

from ...fakes.pipelines import stub_pipeline
from ...fakes.ports import free_port
from .conftest import SwitchedCamera
from .entering import entering
from .stations import PINS, Inhabited

ROOT = Path(__file__).resolve().parents[3]
SIZE = (1024, 600)

_XORG = '''
Section "ServerFlags"
    Option "AutoAddDevices" "false"
    Option "DontVTSwitch" "true"
EndSection
Section "Device"
    Identifier "card"
    Driver "dummy"
    VideoRam 64000
EndSection
Section "Monitor"
    Identifier "panel"
    HorizSync 5-1000
    VertRefresh 5-200
    Modeline "1024x600" 49.00 1024 1072 1168 1312 600 603 613 624
EndSection
Section "Screen"
    Identifier "screen"
    Device "card"
    Monitor "panel"
    DefaultDepth 24
    SubSection "Display"
        Modes "1024x600"
        Virtual 1024 600
    EndSubSection
EndSection
Section "InputDevice"
    Identifier "finger"
    Driver "inputtest"
    Option "SocketPath" "{folder}/touch"
    Option "DeviceType" "Touch"
EndSection
Section "InputDevice"
    Identifier "keys"
    Driver "inputtest"
    Option "SocketPath" "{folder}/keys"
    Option "DeviceType" "Keyboard"
EndSection
Section "ServerLayout"
    Identifier "kiosk"
    Screen "screen"
    InputDevice "finger" "CorePointer"
    InputDevice "keys" "CoreKeyboard"
EndSection
'''

#: Key codes of X, by what is printed on a keyboard of the United States.
_CODES = {**dict(zip('1234567890-=', range(10, 22))), **dict(zip('qwertyuiop[]', range(24, 36))),
          **dict(zip("asdfghjkl;'", range(38, 49))), **dict(zip('zxcvbnm,./', range(52, 62))), ' ': 65}
_NAMED = {'Enter': 36, 'Tab': 23, 'Shift': 50, 'Control': 37, 'Alt': 64, 'CapsLock': 66, 'Left': 113, 'Home': 110,
          'Delete': 119, **{'F%d' % number: 66 + number for number in range(1, 11)}, 'F11': 95}
_SHIFTED = {'*': '8', '_': '-', ':': ';', '^': '6'}
#: A network with addresses and routes as a hospital's, whose cable ends here.
_NETWORK = ('link set lo up', 'link set out up', 'address add 192.0.2.2/24 dev out', 'route add default dev out',
            '-6 address add 2001:db8::2/64 dev out', '-6 route add default dev out')
_ENDS = {'Enter': ['Enter'], 'Tab': ['Tab'], 'LF': ['Control', 'j'], 'none': []}


class Device:
    """A device of the driver `inputtest`, by its socket; the messages are those of its protocol 1.1."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.sendall(struct.pack('=IIHH', 12, 0, 1, 1))
        self._socket.recv(12)

    def touch(self, kind, x=0, y=0, finger=1):
        """Begin (18), move (19) or end (20) a touch at a pixel."""
        axes = struct.pack('=128d', x * 65535.0 / SIZE[0], y * 65535.0 / SIZE[1], *[0.0] * 126)
        body = struct.pack('=IIIB7x4x', finger, kind, 0, 3) + axes
        self._socket.sendall(struct.pack('=II', 8 + len(body), 6) + body)

    def key(self, code, down):
        self._socket.sendall(struct.pack('=IIiI', 16, 5, code, down))


class Hands:
    """A finger and a scanner."""

    def __init__(self, folder):
        self._panel, self._keys = Device(folder + '/touch'), Device(folder + '/keys')

    def hold(self, place, seconds=0.06, to=None, steps=10):
        """Put a finger down, move it and take it away."""
        self._panel.touch(18, *place)
        for step in range(1, steps + 1):
            time.sleep(seconds / steps)
            if to:
                self._panel.touch(19, *(a + (b - a) * step / steps for a, b in zip(place, to)))
        self._panel.touch(20, *(to or place))
        time.sleep(0.3)

    def press(self, *names):
        codes = [_NAMED.get(name) or _CODES[name] for name in names]
        for code in codes:
            self._keys.key(code, 1)
        for code in reversed(codes):
            self._keys.key(code, 0)

    def scan(self, text, gap_ms, end='Enter'):
        for letter in text:
            lower = _SHIFTED.get(letter, letter.lower())
            self.press(*(['Shift'] if lower != letter else []), lower)
            time.sleep(gap_ms / 1000)
        if _ENDS[end]:
            self.press(*_ENDS[end])


@contextlib.contextmanager
def xorg(folder):
    """A screen of 1024x600 pixels: its name."""
    Path(folder, 'xorg.conf').write_text(_XORG.format(folder=folder))
    name = ':%d' % next(number for number in range(90, 99) if not os.path.exists('/tmp/.X%d-lock' % number))
    server = subprocess.Popen(['Xorg', name, '-config', folder + '/xorg.conf', '-logfile', folder + '/log', '-noreset',
                               '-nolisten', 'tcp', '-novtswitch', '-sharevts', 'vt9'], stderr=subprocess.DEVNULL)
    try:
        while not (os.path.exists(folder + '/touch') and os.path.exists(folder + '/keys')):
            assert server.poll() is None, Path(folder, 'log').read_text()[-2000:]
            time.sleep(0.1)
        yield name
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def script(folder, display, port, path='text'):
    """The kiosk's script around a Chromium that may be looked into; it is begun again when it ends."""
    tools = Path(folder, 'bin')
    tools.mkdir(exist_ok=True)
    Path(tools, 'chromium-browser').write_text(
        '#!/bin/sh\nexec %s --no-sandbox --remote-debugging-port=%d "$@"\n' % (shutil.which('chromium'), port + 1))
    Path(tools, 'chromium-browser').chmod(0o755)
    Path(folder, 'again').write_text('#!/bin/sh\nwhile :; do bash %s; echo "ended with $?"; sleep 1; done\n'
                                     % (ROOT / 'systemd/kiosk/kiosk-browser.sh'))
    values = dict(os.environ, DISPLAY=display, PATH='%s:%s' % (tools, os.environ['PATH']),
                  KIOSK_URL='http://127.0.0.1:%d/%s' % (port, path), KIOSK_PROFILE=folder + '/profile')
    with open(folder + '/told', 'w') as told:
        process = subprocess.Popen(['sh', folder + '/again'], env=values, stdin=subprocess.DEVNULL, stdout=told,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Seen:
    """What is seen, as a table; the page is looked into through the browser's debugging port."""

    def __init__(self, playwright, folder, port, hands):
        self.playwright, self.folder, self.port, self.hands, self.wrong = playwright, folder, port, hands, 0
        self.attach()

    def attach(self):
        until = time.monotonic() + 120
        while True:
            try:
                browser = self.playwright.chromium.connect_over_cdp('http://127.0.0.1:%d' % (self.port + 1))
                self.page = browser.contexts[0].pages[0]
                return
            except Exception:  # it starts
                assert time.monotonic() < until
                time.sleep(0.5)

    def line(self, what, seen, wanted):
        right = seen == wanted
        self.wrong += not right
        print('%-62s %-34s %s' % (what, seen, 'as wanted' if right else 'WANTED %s' % (wanted,)), flush=True)

    def go(self, path):
        self.page.goto('http://127.0.0.1:%d/%s' % (self.port, path))
        self.page.evaluate('''() => {
            window.clicks = 0;
            document.body.insertAdjacentHTML('beforeend', `<button id="spot" type="button">Measure</button>
                <img id="image" src="/static/icons/mark.svg" width="90" height="90" alt="">`);
            for (const [id, left] of [['spot', 380], ['image', 620]]) {
                const node = document.getElementById(id);
                Object.assign(node.style, { position: 'fixed', left: left + 'px', top: '4px', width: '200px',
                    height: '90px' });
            }
            document.getElementById('spot').addEventListener('click', () => { window.clicks += 1; });
        }''')
        time.sleep(0.6)

    def count(self, act, *arguments):
        before = self.page.evaluate('window.clicks')
        act(*arguments)
        time.sleep(0.4)
        return self.page.evaluate('window.clicks') - before

    def windows(self):
        found = subprocess.run(['xdotool', 'search', '--onlyvisible', '--name', '.'], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL).stdout.split()
        return len(found)


SPOT, IMAGE = (480, 50), (700, 50)


def fingers(seen):
    """Section 3 of what was found out about panels."""
    hands, page = seen.hands, seen.page
    seen.go('number')
    seen.go('text')
    for seconds in (0.06, 0.6, 0.7, 1.0, 2.0):
        seen.line('hold a button %.2f s: presses' % seconds, seen.count(hands.hold, SPOT, seconds), 1)
    seen.line('  words selected', page.evaluate('String(getSelection())'), '')
    for pixels in (6, 30):
        seen.line('roll %d px inside a button: presses' % pixels,
                  seen.count(hands.hold, SPOT, 0.2, (SPOT[0] + pixels, SPOT[1])), 1)
    seen.line('leave the button: presses', seen.count(hands.hold, SPOT, 0.3, (SPOT[0], 300)), 0)
    hands.hold(IMAGE, 1.2)
    seen.line('hold a picture 1.2 s, then tap a button: presses', seen.count(hands.hold, SPOT), 1)
    hands.hold(IMAGE, 1.2, (300, 300))
    seen.line('drag a picture, then tap a button: presses', seen.count(hands.hold, SPOT), 1)
    for start in (20, 300):
        hands.hold((start, 130), 0.3, (start + 600, 135), 20)
        time.sleep(1)
        seen.line('swipe right 600 px from %d: page' % start, page.url.rpartition('/')[2], 'text')
    hands.hold((500, 120), 0.3, (500, 560), 20)
    seen.line('pull down: page, scale', [page.url.rpartition('/')[2], page.evaluate('visualViewport.scale')],
              ['text', 1])
    hands.hold(SPOT)
    hands.hold(SPOT)
    seen.line('double tap: scale', page.evaluate('visualViewport.scale'), 1)
    seen.go('pin?blank=2')
    key = page.evaluate("(() => { const b = document.querySelector('[data-key=\"5\"]').getBoundingClientRect();"
                        "return [b.x + b.width / 2, b.y + b.height / 2]; })()")
    time.sleep(2.5)
    seen.line('black after its time', page.evaluate("document.querySelector('.veil') !== null"), True)
    hands.hold(key)
    seen.line('first tap on the black screen: digits', page.inner_text('#pin'), '')
    time.sleep(0.7)
    hands.hold(key)
    seen.line('second tap, 0.7 s later: digits', page.inner_text('#pin'), '\u2022')
    seen.go('text')
    box = page.evaluate("(() => { const b = document.querySelector('[data-key=E]').getBoundingClientRect();"
                        "return [b.x + b.width / 2, b.y + b.height / 2]; })()")
    for seconds in (0.06, 1.0):
        hands.hold(box, seconds)
    seen.line('a letter, short and held 1 s: field', page.input_value('#name'), 'Ee')


def keys(seen):
    """Section 2: stray keys, and a scanner."""
    hands, page = seen.hands, seen.page
    seen.go('number')
    seen.go('text')
    windows = seen.windows()
    page.evaluate("document.getElementById('spot').focus()")
    stray = [['F1'], ['F5'], ['F7'], ['F10'], ['F11'], ['Enter'], [' '], ['Tab'], ['Alt', 'Left'], ['Alt', 'Home'],
             ['Control', 'Shift', 'Delete']] + [['Control', letter] for letter in 'jtnwopsdfr=']
    for names in stray:
        hands.press(*names)
        time.sleep(0.6)
    seen.line('%d stray keys: windows, page, zoom, presses' % len(stray),
              [seen.windows() - windows, page.url.rpartition('/')[2], page.evaluate('devicePixelRatio'),
               page.evaluate('window.clicks')], [0, 'text', 1, 0])
    page.add_init_script("""document.addEventListener('DOMContentLoaded', () => import('/static/js/keys.js').then(
        (module) => { window.got = []; module.onScan((code) => window.got.push(code && code.id)); }))""")

    def scanned(text, gap_ms, end='Enter', wait=0.5):
        seen.go('text')
        hands.scan(text, gap_ms, end)
        time.sleep(wait)
        return page.evaluate('[window.got, window.clicks, document.getElementById("name").value]')

    for gap_ms in (1, 5, 20, 40):
        for end in _ENDS:
            seen.line('scan, %d ms a key, ends with %s: code, presses, field' % (gap_ms, end),
                      scanned('AB-12345', gap_ms, end), [['AB-12345'], 0, ''])
    seen.line('typed at 120 ms: code, presses, field', scanned('ab7', 120, 'none', 1), [[], 0, 'ab7'])
    subprocess.run(['setxkbmap', 'de'], check=False)
    seen.line('layout de', scanned('yz-01/', 5), [['yz-01/'], 0, ''])
    subprocess.run(['setxkbmap', 'us'], check=False)
    hands.press('CapsLock')
    seen.line('CapsLock on', scanned('MRNabc-01', 5), [['MRNabc-01'], 0, ''])
    hands.press('CapsLock')
    seen.line('three characters', scanned('ab1', 5, 'Enter'), [[], 0, 'ab1'])
    for gap_ms in (5, 20, 60):
        whole, cut = 0, []
        for delay in (0.0, 0.1, 0.2, 0.3, 0.5):
            seen.go('text')
            page.evaluate('setTimeout(() => location.reload(), 0)')
            time.sleep(delay)
            hands.scan('8765432187654321', gap_ms)
            time.sleep(1.5)
            got = page.evaluate('window.got || []')
            whole += got == ['8765432187654321']
            cut += [code for code in got if code != '8765432187654321']
        seen.line('scan while the page loads, %d ms, five moments: cut codes' % gap_ms, cut, [])


def _of(folder, kind):
    """The processes of a kind of Chromium's with this profile."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):
            words = path.read_bytes().replace(b'\0', b' ').decode('utf-8', 'replace')
            if folder in words and kind in words:
                found.append(int(path.parent.name))
    return found


def standing(seen):
    """Section 4: the script starts anew what stands still."""
    time.sleep(32)  # nothing is concluded before
    for what, kind in (('script and page stopped (SIGSTOP of the renderer)', '--type=renderer'),
                       ('picture stands, script lives (SIGSTOP of the GPU process)', '--type=gpu-process')):
        stopped = _of(seen.folder, kind)
        for number in stopped:
            os.kill(number, signal.SIGSTOP)
        told, began_s = Path(seen.folder, 'told'), time.monotonic()
        ends = told.read_text().count('ended with')
        while told.read_text().count('ended with') == ends and time.monotonic() - began_s < 90:
            time.sleep(0.5)
        for number in stopped:  # systemd ends what is left of a unit; a stopped process does not end by itself
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        took_s = time.monotonic() - began_s
        seen.line('%s: restarted (%.0f s)' % (what, took_s), took_s < 45, True)
        time.sleep(25)
    print(Path(seen.folder, 'told').read_text())


@contextlib.contextmanager
def station(folder):
    """A station with operators and a camera: it, its port and its settings."""
    home = Inhabited(Path(folder, 'exams')).settle()
    settings = Settings(port=free_port(), acclimatisation_minutes=0.0)
    with stub_pipeline() as pipeline, LiveLoop(pipeline, SwitchedCamera) as live:
        server = Server(create_app(pipeline, live, settings, exams=home.exams, sessions=home.sessions), settings.host,
                        settings.port, on_stop=live.dismiss)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield home, settings.port
        finally:
            server.stop()
            thread.join(120)
            home.close()


class Cable:
    """The way out of a machine that is alone: what is sent to others ends here.

    Raises:
        OSError: without the rights for a network namespace or an interface.
    """

    def __init__(self):
        self._tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._tun, 0x400454ca, struct.pack('16sH22x', b'out', 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
        for words in _NETWORK:
            subprocess.run(['ip', *words.split()], check=True)
        self._sent = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            select.select([self._tun], [], [])
            data = os.read(self._tun, 1 << 16)
            six = data[0] >> 4 == 6
            protocol, address = (data[6], data[24:40]) if six else (data[9], data[16:20])
            if protocol not in (socket.IPPROTO_ICMPV6, 0):  # the kernel's own, behind hop-by-hop options or not
                self._sent.append((protocol, socket.inet_ntop(socket.AF_INET6 if six else socket.AF_INET, address)))

    def sent(self):
        """Protocol and address of every packet until now."""
        time.sleep(0.5)
        return list(self._sent)


class Nurse:
    """An operator with a finger, and perhaps a scanner, who never touches a keyboard."""

    def __init__(self, seen):
        self.seen, self.page, self.touches = seen, seen.page, 0

    def tap(self, selector, then=''):
        """Touch what is seen, until what comes then is there."""
        node = self.page.wait_for_selector(selector + ':visible:not(:disabled)', timeout=60000)
        time.sleep(0.4)  # nobody touches what has just come, and the page takes it for the end of the last touch
        box = node.bounding_box()
        self.seen.hands.hold((box['x'] + box['width'] / 2, box['y'] + box['height'] / 2))
        self.touches += 1
        if then:
            self.page.wait_for_selector(then, timeout=60000)

    def type(self, text):
        for letter in text:
            key = '[data-key="%s"]' % letter
            if not self.page.is_visible(key):
                self.tap('[data-to=digits]')
            self.tap(key)

    def log_in(self, operator):
        self.tap('.people a:has-text("%s")' % operator.name, '.pad:not([disabled])')
        for digit in PINS['operator']:
            self.tap('[data-key="%s"]' % digit)
        self.tap('.enter', '.home')


def exam(seen, home):
    """A whole exam of five views with fingers alone, and another one with a scanner for the number of the patient."""
    nurse, page = Nurse(seen), seen.page
    for number, name, scanned in (('7', 'Zo', False), ('AB-12345', 'Li', True)):
        began_s, nurse.touches = time.monotonic(), 0
        if not scanned:
            nurse.log_in(home.people['operator'])
        nurse.tap('.main', '#patient_id')
        page.wait_for_selector('.keyboard:not([disabled])')
        if scanned:
            time.sleep(1)  # the first moments of a page hear nothing
            seen.hands.scan(number, 5)
            page.wait_for_function("document.getElementById('patient_id').value !== ''")
        else:
            nurse.type(number)
        nurse.tap('.enter', '#patient_name')
        page.wait_for_selector('.keyboard:not([disabled])')
        nurse.type(name)
        nurse.tap('.enter', '.steps')
        for part in ('day', 'month', 'year'):
            nurse.tap('[data-step="1"][data-part=%s]' % part)
        nurse.tap('.enter', '.who')
        nurse.tap('.corner .main', '.checklist')
        nurse.tap('.main', '#room_c')
        nurse.type('22')
        nurse.tap('.enter', '#humidity_percent')
        nurse.tap('.enter', '[data-reasons=purpose]')
        nurse.tap('.chosen-from .enter', '.dated')
        nurse.tap('[value=never]', '#ring')
        nurse.tap('#done', '.choices')
        nurse.tap('[value=static]', '#take')
        for view in ('Frontal', 'Right oblique', 'Left oblique', 'Right lateral', 'Left lateral'):
            page.wait_for_selector('.where:has-text("%s")' % view)
            page.wait_for_selector('#picture:not([hidden])')
            page.wait_for_selector('#gate:not([hidden])')
            nurse.tap('#take button', '.where:not(:has-text("%s"))' % view)
        nurse.tap('.main', '.three')
        for view in ('regions', 'deviations'):
            nurse.tap('.looks [href*=%s]' % view, '.looks [href*=%s][aria-current]' % view)
        nurse.tap('.main', 'text=Nothing can be changed')
        nurse.tap('.main', 'text="Amend"')
        made = home.exams.get(home.exams.list()[0].row.id)
        seen.line('exam with %s: step, pictures' % ('finger and scanner' if scanned else 'fingers alone'),
                  [guide.step_of(made).name, len(made.captures)], [guide.LOCKED, 5])
        seen.line('  its patient', home.exams.patient(made).id, number)
        print('  %d touches, %.0f s' % (nurse.touches, time.monotonic() - began_s))
        nurse.tap('.main', '.home')


PARTS = {'fingers': fingers, 'keys': keys, 'standing': standing}


def main():
    """Print the table: 1 where something was wrong."""
    if not (shutil.which('Xorg') and shutil.which('xdotool') and shutil.which('chromium')
            and os.path.exists('/usr/lib/xorg/modules/input/inputtest_drv.so')):
        print('Xorg with its driver inputtest, xdotool or Chromium is not here.')
        return 0
    if [name for _, name in socket.if_nameindex()] != ['lo']:
        os.execvp('unshare', ['unshare', '--net', sys.executable, '-m', 'tests.service.web.kiosk_on_x', *sys.argv[1:]])
    from playwright.sync_api import sync_playwright
    cable = Cable()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b'seen', ('198.51.100.1', 9))
    if cable.sent() != [(socket.IPPROTO_UDP, '198.51.100.1')]:
        sys.exit('What leaves this machine cannot be seen here.')
    parts, wrong = sys.argv[1:] or ['exam', *PARTS], 0
    with tempfile.TemporaryDirectory(prefix='kiosk-') as folder, xorg(folder) as display, \
            sync_playwright() as playwright:
        os.environ['DISPLAY'] = display
        hands = Hands(folder)
        if 'exam' in parts:
            with station(folder) as (home, port), script(folder, display, port, ''):
                seen = Seen(playwright, folder, port, hands)
                exam(seen, home)
                wrong += seen.wrong
        if set(parts) & set(PARTS):
            with entering() as port, script(folder, display, port):
                seen = Seen(playwright, folder, port, hands)
                for part in parts:
                    if part in PARTS:
                        PARTS[part](seen)
                wrong += seen.wrong
    sent = cable.sent()[1:]
    print('%d packets to other machines, from before the start of the browser on %s' % (len(sent), sorted(set(sent))))
    return int(wrong + len(sent) > 0)


if __name__ == '__main__':
    sys.exit(main())
