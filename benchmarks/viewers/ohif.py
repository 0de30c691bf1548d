"""The whole OHIF (the program, not its engine alone) in Chromium, on the DICOMweb of an archive."""
import base64
import contextlib
import functools
import http.server
import os
import threading
import urllib.error
import urllib.request
from typing import Any, Dict, Iterator, List

#: How OHIF finds the archive, which the server below hands on.
_CONFIGURATION = """window.config = {
  routerBasename: null, extensions: [], modes: [], customizationService: {}, showStudyList: true,
  maxNumberOfWebWorkers: 1, showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  showLoadingIndicator: true, strictZSpacingForVolumeViewport: true, defaultDataSourceName: 'archive',
  dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'archive',
    configuration: { friendlyName: 'archive', name: 'archive', wadoUriRoot: '/dicom-web', qidoRoot: '/dicom-web',
      wadoRoot: '/dicom-web', qidoSupportsIncludeField: false, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true, staticWado: false,
      singlepart: 'bulkdata,video', bulkDataURI: { enabled: true }, omitQuotationForMultipartRequest: true } }] };
"""

#: WebGL without a graphics card.
ARGUMENTS = ('--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
             '--ignore-gpu-blocklist', '--disable-background-networking')

_PATIENCE_MS = 120000

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ohif.js'), encoding='utf-8') as _stream:
    _SCRIPT = _stream.read()


@contextlib.contextmanager
def served(folder: str, archive: str = '') -> Iterator[str]:
    """A folder as a page on this machine alone, with what it asks of an archive.

    Args:
        archive: address of the archive that answers below ``/dicom-web``.
    """
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(_Handler, archive, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield 'http://127.0.0.1:%d' % server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def __init__(self, archive: str, *args: Any, **options: Any) -> None:
        self._archive = archive
        super().__init__(*args, **options)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header('Cross-Origin-Opener-Policy', 'same-origin')
        self.send_header('Cross-Origin-Embedder-Policy', 'require-corp')
        super().end_headers()

    def do_GET(self) -> None:
        if self._archive and self.path.startswith('/dicom-web'):
            request = urllib.request.Request(self._archive + self.path, headers={
                'Accept': self.headers.get('Accept', '*/*'), 'Host': self.headers.get('Host', '')})
            try:
                answer = urllib.request.urlopen(request, timeout=60)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                self._answer(answer.getcode(), answer.headers.get('Content-Type', ''), answer.read())
        elif self._archive and self.path.startswith('/app-config.js'):
            self._answer(200, 'text/javascript', _CONFIGURATION.encode('utf-8'))
        else:
            if self._archive and not os.path.isfile(self.translate_path(self.path)):
                self.path = '/index.html'  # an address inside the program
            super().do_GET()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Page:
    """A study, opened in OHIF.

    Args:
        browser: Chromium, launched by playwright with `ARGUMENTS`.
        address: as of `served`.
        study_uid: of the study.
        series: how many series it has to list.
    """

    def __init__(self, browser: Any, address: str, study_uid: str, series: int) -> None:
        self._errors: List[str] = []
        self._page = browser.new_page(viewport={'width': 1280, 'height': 800})
        self._page.set_default_timeout(_PATIENCE_MS)
        self._page.add_init_script(_SCRIPT)
        self._page.on('pageerror', lambda error: self._complain(str(error)))
        self._page.on('console', lambda message: self._complain(message.text if message.type == 'error' else ''))
        self._page.goto('%s/viewer?StudyInstanceUIDs=%s' % (address, study_uid))
        self._page.wait_for_function('(count) => window.looked.count() >= count', arg=series)
        self._page.wait_for_function('() => window.looked.isDrawn()')
        self._page.wait_for_timeout(3000)
        for words in ('Skip all', 'Confirm and hide'):  # a tour, and what the program is for
            if self._page.get_by_text(words).count():
                self._page.get_by_text(words).first.click()

    def series(self) -> List[str]:
        """UIDs of the series that it lists."""
        found: List[str] = self._page.evaluate('() => window.looked.series()')
        return found

    def show(self, series_uid: str) -> None:
        """Open a series where a picture is."""
        del self._errors[:]
        self._page.evaluate('(series) => window.looked.show(series)', series_uid)

    def regions(self, series_uid: str, picture_uid: str, out: str) -> Dict[str, Any]:
        """Open regions and read what it holds and shows of them.

        Args:
            series_uid: of the regions.
            picture_uid: of the picture that they lie on.
            out: what it looks like.

        Returns:
            ``labels`` and ``canvas``, the value and the colour at each pixel of the picture, base64; ``colours`` of the
            regions; ``error``, which is empty where there is none.
        """
        self.show(series_uid)
        try:
            self._page.wait_for_function('(picture) => window.looked.hasRegions(picture)', arg=picture_uid,
                                         timeout=60000)
            self._page.evaluate('(picture) => window.looked.goTo(picture)', picture_uid)
            self._page.wait_for_timeout(2000)
            told: Dict[str, Any] = self._page.evaluate('(picture) => window.looked.regions(picture)', picture_uid)
        except Exception as error:  # of playwright, which is not always here
            told = {'labels': '', 'error': '; '.join(self._errors[:1]) or str(error).splitlines()[0]}
        self._page.screenshot(path=out)
        return told

    def lengths(self, series_uid: str, out: str) -> List[Any]:
        """Measure a length on a picture: number and unit, as often as it says them.

        Args:
            series_uid: of the picture.
            out: what it looks like.
        """
        self.show(series_uid)
        self._page.wait_for_timeout(3000)
        self._page.evaluate('() => window.looked.measure()')
        self._page.mouse.move(600, 400)
        self._page.mouse.down()
        self._page.mouse.move(700, 400, steps=5)
        self._page.mouse.up()
        self._page.wait_for_timeout(2000)
        self._page.screenshot(path=out)
        found: List[Any] = self._page.evaluate('() => window.looked.lengths()')
        return found

    def pdf(self, series_uid: str) -> bytes:
        """Open a report and take the bytes that are in the page."""
        self.show(series_uid)
        self._page.wait_for_selector('object[data]', state='attached')
        self._page.wait_for_timeout(1000)
        return base64.b64decode(self._page.evaluate('() => window.looked.pdf()'))

    def close(self) -> None:
        """Close it."""
        self._page.close()

    def _complain(self, text: str) -> None:
        if text:
            self._errors.append(text.splitlines()[0])
