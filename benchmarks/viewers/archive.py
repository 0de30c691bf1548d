"""Orthanc on this machine, as archive, and as viewer by itself and behind OHIF."""
import json
import os
import socket
import subprocess
import time
import urllib.request
from typing import Optional

import cv2
import numpy as np

from .pictures import Seen, drawn

#: What OHIF asks for pictures, where Debian installs it.
_DICOMWEB = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so'


class Orthanc:
    """An archive on this machine alone, for as long as it is used.

    Args:
        folder: a new one.

    Attributes:
        url: of its interface.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder)
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.url = 'http://127.0.0.1:%d' % port
        path = os.path.join(folder, 'orthanc.json')
        with open(path, 'w') as stream:
            json.dump({'StorageDirectory': folder, 'IndexDirectory': folder, 'HttpPort': port,
                       'DicomServerEnabled': False, 'AuthenticationEnabled': False, 'DefaultEncoding': 'Utf8',
                       'Plugins': [_DICOMWEB] if os.path.exists(_DICOMWEB) else []}, stream)
        self._log = open(os.path.join(folder, 'orthanc.log'), 'w')
        self._process = subprocess.Popen(['Orthanc', path], stdout=self._log, stderr=self._log)
        for _ in range(300):
            try:
                self.ask('/system')
                return
            except OSError:
                time.sleep(0.2)
        self.close()
        raise SystemExit('Orthanc does not start')

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def store(self, path: str) -> str:
        """Send a file, and give what it is called there; two files of one UID cannot be there at once."""
        with open(path, 'rb') as stream:
            answer = json.loads(self.ask('/instances', stream.read()).decode('utf-8'))
        if answer['Status'] != 'Success':
            raise SystemExit('%s: %s' % (os.path.basename(path), answer['Status']))
        return str(answer['ID'])

    def delete(self, stored: str) -> None:
        """Take a file out again."""
        self.ask('/instances/' + stored, method='DELETE')

    def draw(self, stored: str, out: str) -> Seen:
        """What it renders of a file with the window of the file.

        Args:
            out: the picture.
        """
        try:
            data = self.ask('/instances/%s/rendered' % stored)
        except OSError as error:
            return Seen('orthanc', 0, 0.0, trouble=str(error))
        with open(out, 'wb') as stream:
            stream.write(data)
        return drawn('orthanc', cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), 'no picture')

    def frame(self, stored: str, number: int) -> np.ndarray:
        """A frame as it renders it, uint8 HxW; counted from 0."""
        data = self.ask('/instances/%s/frames/%d/rendered' % (stored, number))
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))

    def ask(self, way: str, body: Optional[bytes] = None, method: Optional[str] = None) -> bytes:
        """What it answers.

        Raises:
            OSError: what it has not or cannot.
        """
        headers = {'Accept': 'image/png'} if 'rendered' in way else {}
        request = urllib.request.Request(self.url + way, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())
