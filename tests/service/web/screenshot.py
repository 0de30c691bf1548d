"""Takes the picture of the live page that the README shows: shipped model, simulated camera, nobody's data.

Run from the top folder: ``python -m tests.service.web.screenshot docs/live.png``.
"""
import shutil
import sys
import threading

import cv2
import numpy as np

from service.cameras.simulated import SimulatedCamera
from service.live import LiveLoop
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE, Settings
from service.web.app import create_app
from service.web.server import Server

from ...fakes.ports import free_port
from .browser import Visit, launched

SEED = 11


def main(path):
    """Write the picture to a path."""
    settings = Settings(port=free_port())
    camera = SimulatedCamera(SEED)
    with Pipeline.from_folder(SHIPPED_BUNDLE) as pipeline, LiveLoop(pipeline, lambda: camera) as live:
        server = Server(create_app(pipeline, live, settings), settings.host, settings.port, on_stop=live.dismiss)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            with launched(shutil.which('chromium')) as browser:
                visit = Visit(browser, settings.port).go('/')
                visit.wait("() => document.querySelectorAll('#tiles dd').length === 3")
                # A rate needs a few pictures to settle.
                visit.wait("() => /^Live [0-9.]+/.test(document.getElementById('running').innerText)")
                visit.page.wait_for_timeout(3000)
                _write(path, visit.page.screenshot())
        finally:
            server.stop()
            thread.join()


def _write(path, png):
    """Five bits a channel look the same and halve the file: most of it is the sensor's noise."""
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(path, picture & 0xF8, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == '__main__':
    main(sys.argv[1])
