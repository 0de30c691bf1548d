"""A real browser, and a page of it that remembers everything it asked for and complained about."""
import contextlib
import importlib.util

#: Without windows Chromium makes the letters of web fonts as wide as whole pixels, with windows it does not.
ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
             '--disable-component-update', '--disable-sync', '--font-render-hinting=none']

#: Milliseconds; far beyond what anything here takes.
PATIENCE_MS = 120000


@contextlib.contextmanager
def launched(path):
    """Chromium, headless."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


_PICTURE = '''() => {
    const picture = document.getElementById('picture');
    const canvas = document.createElement('canvas');
    canvas.width = 160;
    canvas.height = 120;
    canvas.getContext('2d').drawImage(picture, 0, 0, 160, 120);
    return canvas.toDataURL();
}'''


class Visit:
    """A page on one port, with its requests and complaints.

    Args:
        browser: a launched browser.
        port (int): where the service listens.
        size (tuple): width and height of the screen in pixels.
        theme (str): what the device prefers, ``'light'`` or ``'dark'``.
        zoom (float): of the browser, for which it has fewer and larger CSS pixels.
        options: more of the page, as of Playwright's `new_page`.
    """

    def __init__(self, browser, port, size=(1024, 600), theme='dark', zoom=1.0, **options):
        self.page = browser.new_page(viewport={'width': int(size[0] / zoom), 'height': int(size[1] / zoom)},
                                     device_scale_factor=zoom, color_scheme=theme, **options)
        self.page.set_default_timeout(PATIENCE_MS)
        self._address = 'http://127.0.0.1:%d' % port
        self.requests, self.complaints = [], []
        self.page.on('request', lambda request: self.requests.append(request.url))
        self.page.on('console', lambda message: message.type in ('error', 'warning')
                     and self.complaints.append(message.text))
        self.page.on('pageerror', lambda fault: self.complaints.append(str(fault)))

    def go(self, path):
        """Open an address of the service."""
        self.page.goto(self._address + path)
        return self

    def resize(self, size):
        """Give the page a screen of another width and height in pixels."""
        self.page.set_viewport_size({'width': size[0], 'height': size[1]})
        self.wait('(size) => innerWidth === size[0] && innerHeight === size[1]', list(size))

    def wait(self, script, argument=None):
        """Wait until a script gives something true."""
        self.page.wait_for_function(script, arg=argument, timeout=PATIENCE_MS)

    def text(self, selector):
        return self.page.inner_text(selector).strip()

    def picture(self):
        """Pixels of the picture as it is on the screen now, as one long text."""
        return self.page.evaluate(_PICTURE)

    def wait_for_another(self, picture):
        """Wait until the screen shows another one than `picture`."""
        self.wait('(before) => (%s)() !== before' % _PICTURE, picture)

    def violations(self, *rules):
        """What axe-core finds wrong with the page, by all of its rules or some: rule and first element, each.

        Nothing where it is not installed, which one test in test_browser_access.py notices.
        """
        if importlib.util.find_spec('axe_playwright_python') is None:
            return []
        from axe_playwright_python.sync_playwright import Axe
        options = dict({'resultTypes': ['violations'], 'preload': False}, **({'runOnly': rules} if rules else {}))
        found = Axe().run(self.page, options=options).response['violations']
        return [(one['id'], one['nodes'][0]['html']) for one in found]

    def foreign(self):
        """Requests that left the service."""
        return [url for url in self.requests if not url.startswith((self._address + '/', 'data:'))]
