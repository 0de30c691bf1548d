"""The kiosk browser: what it may show, when it starts, and when it restarts."""
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from service.web.kiosk import AGENT

pytestmark = pytest.mark.slow

_PATIENCE_S = 60.0

#: Stands for Chromium: writes down how it was called, and has a process that draws the page, as Chromium has.
_CHROMIUM = '''#!/usr/bin/env bash
exec >/dev/null 2>&1
printf '%s\\n' "$@" >"$FAKE_CHROMIUM_LOG"
for word in "$@"; do case $word in --user-data-dir=*) profile=$word ;; esac; done
{python} -c 'import sys, time; time.sleep(600)' --type=renderer "$profile" --lang=en &
echo $! >"$FAKE_CHROMIUM_LOG.renderer"
echo $$ >"$FAKE_CHROMIUM_LOG.browser"
trap 'kill %1; exit 0' TERM
wait
sleep 600 & wait
'''


@pytest.fixture(scope='module')
def kiosk(root):
    return root / 'systemd' / 'kiosk'


@pytest.fixture(scope='module')
def policy(kiosk):
    return json.loads((kiosk / 'policy.json').read_text())


def test_policy_allows_the_page_and_nothing_else(policy):
    assert policy['URLBlocklist'][0] == '*'
    assert all(re.match(r'http://127\.0\.0\.1:\d+$', url) for url in policy['URLAllowlist'])
    assert {'chrome://*', 'file://*', 'javascript://*', 'view-source:*'} <= set(policy['URLBlocklist'])


def test_policy_blocks_ways_out_of_the_page(policy):
    assert policy['DeveloperToolsAvailability'] == 2
    assert policy['DownloadRestrictions'] == 3
    assert policy['IncognitoModeAvailability'] == 2, 'always'
    assert policy['ExtensionInstallBlocklist'] == ['*']
    assert policy['ProxySettings'] == {'ProxyMode': 'direct'}
    closed = ('PrintingEnabled', 'AllowFileSelectionDialogs', 'PasswordManagerEnabled', 'MetricsReportingEnabled',
              'ComponentUpdatesEnabled', 'SearchSuggestEnabled', 'TranslateEnabled', 'RemoteDebuggingAllowed')
    assert [name for name in closed if policy[name] is not False] == []


def test_unit_policy_and_settings_agree_on_the_page(kiosk, policy):
    from service.settings import Settings
    unit = (kiosk / 'thermoscreen-kiosk.service').read_text()
    url, = re.findall(r'^Environment=KIOSK_URL=(.*)/$', unit, re.MULTILINE)
    settings = Settings()
    assert policy['URLAllowlist'] == [url] == ['http://%s:%d' % (settings.host, settings.port)]


def test_browser_runs_without_rights(kiosk):
    unit = dict(re.findall(r'^(\w+)=(.*)$', (kiosk / 'thermoscreen-kiosk.service').read_text(), re.MULTILINE))
    assert unit['User'] == 'thermoscreen-kiosk' and unit['Restart'] == 'always'
    assert unit['MemoryMax'].endswith('M') and int(unit['OOMScoreAdjust']) > 0
    assert '-/var/lib/thermoscreen' in unit['InaccessiblePaths'].split()


class _Page(http.server.ThreadingHTTPServer if hasattr(http.server, 'ThreadingHTTPServer') else http.server.HTTPServer):
    """A station that first answers 503."""

    daemon_threads = True
    status, says = 503, 'none'

    def __init__(self):
        self.asked, self.asked_for_the_screen = threading.Semaphore(0), threading.Semaphore(0)
        super().__init__(('127.0.0.1', 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    @property
    def url(self):
        return 'http://127.0.0.1:%d/' % self.server_port


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_screen = self.path == '/screen'
        body = (self.server.says + '\n').encode() if is_screen else b''
        self.send_response(self.server.status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        (self.server.asked_for_the_screen if is_screen else self.server.asked).release()

    def log_message(self, *args):
        return None


@pytest.fixture
def page():
    server = _Page()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(kiosk, tmp_path):
    """Starts the script with a pretended display and browser; what it called is in `tmp_path`."""
    if shutil.which('bash') is None:
        pytest.skip('bash is not here')
    programs = {'chromium-browser': _CHROMIUM.replace('{python}', sys.executable), 'xset': '#!/bin/sh\n',
                'xrandr': '#!/bin/sh\necho "Screen 0: minimum 8 x 8, current 1024 x 600, maximum 16384 x 16384"\n'}
    for name, text in programs.items():
        path = tmp_path / 'bin' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    started = []

    def run(url, **environment):
        values = dict(os.environ, PATH='%s:%s' % (tmp_path / 'bin', os.environ['PATH']), KIOSK_URL=url,
                      KIOSK_PROFILE=str(tmp_path / 'profile'), KIOSK_LOOK_S='0.1', KIOSK_ASK_S='0.05',
                      KIOSK_SCREEN_S='0', FAKE_CHROMIUM_LOG=str(tmp_path / 'chromium'), **environment)
        started.append(subprocess.Popen(['bash', str(kiosk / 'kiosk-browser.sh')], env=values, universal_newlines=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended, as it should
        process.wait()
        process.stdout.close()


def wait_for(condition):
    until = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def number_in(path):
    wait_for(lambda: path.exists() and path.read_text().strip())
    return int(path.read_text())


def is_alive(number):
    """Whether a process runs; one that has ended and that nobody has asked about yet does not."""
    try:
        return ') Z ' not in Path('/proc/%d/stat' % number).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_waits_for_the_page_before_the_browser(start, page, tmp_path):
    process = start(page.url)
    for _ in range(3):
        assert page.asked.acquire(timeout=_PATIENCE_S)
    assert not (tmp_path / 'chromium').exists(), 'a page that answers 503 is not shown'
    page.status = 303  # a station with operators leads to the login
    browser = number_in(tmp_path / 'chromium.browser')
    words = (tmp_path / 'chromium').read_text().split()
    assert {'--kiosk', '--app=' + page.url, '--window-size=1024,600', '--disable-pinch', '--touch-events=enabled',
            '--overscroll-history-navigation=0', '--enable-low-end-device-mode',
            '--enable-features=NetworkServiceInProcess2'} <= set(words)
    off, = [word for word in words if word.startswith('--disable-features=')]
    assert {'OverscrollHistoryNavigation', 'BackForwardCache'} <= set(off.partition('=')[2].split(','))
    assert AGENT in (tmp_path / 'chromium').read_text()
    assert '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost' in (
        tmp_path / 'chromium').read_text().splitlines()
    assert '--no-sandbox' not in words
    assert (tmp_path / 'profile').stat().st_mode & 0o777 == 0o700
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=_PATIENCE_S) == 0
    wait_for(lambda: not is_alive(browser))


def test_ends_with_the_browser(start, page, tmp_path):
    page.status = 200
    process = start(page.url)
    browser = number_in(tmp_path / 'chromium.browser')
    os.kill(browser, signal.SIGKILL)
    assert process.wait(timeout=_PATIENCE_S) == 0
    assert 'started again' in process.stdout.read()


def test_ends_when_nothing_draws_the_page(start, page, tmp_path):
    page.status = 200
    process = start(page.url)
    browser = number_in(tmp_path / 'chromium.browser')
    os.kill(number_in(tmp_path / 'chromium.renderer'), signal.SIGKILL)
    assert process.wait(timeout=_PATIENCE_S) == 1
    assert 'No process draws the page' in process.stdout.read()
    wait_for(lambda: not is_alive(browser))


@pytest.mark.parametrize('verdict, code', [('browser', 1), ('display', 4)])
def test_ends_when_the_screen_stands_still_after_it_was_well(start, page, tmp_path, verdict, code):
    page.status, page.says = 200, verdict
    process = start(page.url)
    browser = number_in(tmp_path / 'chromium.browser')

    def asked(times):
        for _ in range(times):
            assert page.asked_for_the_screen.acquire(timeout=_PATIENCE_S)

    asked(2)
    page.says = 'left'
    asked(2)
    assert process.poll() is None, 'a screen that was never well is not judged, and one that is left is left'
    page.says = 'well'
    asked(2)
    page.says = verdict
    assert process.wait(timeout=_PATIENCE_S) == code
    wait_for(lambda: not is_alive(browser))


def test_the_display_is_started_anew_by_root_alone(kiosk):
    unit = (kiosk / 'thermoscreen-kiosk.service').read_text()
    line, = re.findall('^ExecStopPost=(.*)$', unit, re.MULTILINE)
    assert line.startswith('+/bin/sh ') and '"$$EXIT_STATUS" = 4' in line and 'thermoscreen-display.service' in line


@pytest.mark.parametrize('url', ['http://example.org/', 'https://127.0.0.1:8080/', 'http://127.0.0.1.example.org:80/',
                                 'file:///etc/passwd'])
def test_shows_this_machine_only(start, url):
    process = start(url)
    said, _ = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 2 and 'this machine only' in said


def test_without_a_browser_it_names_the_package(start, page, tmp_path):
    page.status = 200
    tools = tmp_path / 'tools'
    tools.mkdir()
    for name in ('bash', 'sed', 'head', 'sleep', 'rm', 'mkdir'):
        (tools / name).symlink_to(shutil.which(name))
    (tmp_path / 'bin' / 'chromium-browser').unlink()
    (tmp_path / 'path').write_text('PATH=%s:%s\n' % (tmp_path / 'bin', tools))
    process = start(page.url, BASH_ENV=str(tmp_path / 'path'))
    said, _ = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 3 and 'apt-get install chromium-browser' in said
