"""Aravis as Python sees it, imported when a network camera is asked for and never before."""
from ..messages import CameraError

#: Newest first.
_VERSIONS = ('0.8', '0.6')


class Library:
    """Aravis.

    Attributes:
        aravis: the module ``gi.repository.Aravis``.
        version (str): its series.
        errors (tuple): exceptions that its calls raise.
    """

    def __init__(self, aravis, glib_error, version):
        self.aravis = aravis
        self.version = version
        # PyGObject says TypeError where a constructor of 0.6 returns nothing.
        self.errors = (glib_error, TypeError)

    def device_ids(self):
        """Ids of the cameras that answer a search, as a list of str."""
        self.aravis.update_device_list()
        return [self.aravis.get_device_id(index) for index in range(self.aravis.get_n_devices())]

    def open(self, address):
        """The camera of an id or address, or None where it does not answer or is in use."""
        try:
            return self.aravis.Camera.new(address)
        except self.errors:
            return None


def load_library():
    """Import Aravis.

    Returns:
        Library
    Raises:
        CameraError: ``camera-library`` where it or Python's access to it is not installed.
    """
    try:
        import gi
    except ImportError as error:
        raise _missing(error)
    for version in _VERSIONS:
        try:
            gi.require_version('Aravis', version)
        except ValueError as error:
            problem = error
            continue
        try:
            from gi.repository import Aravis, GLib
        except ImportError as error:
            raise _missing(error)
        return Library(Aravis, GLib.Error, version)
    raise _missing(problem)


def _missing(error):
    return CameraError('camera-library', 'Network cameras need Aravis, which is not installed here; run "sudo apt '
                       'install python3-gi gir1.2-aravis-0.8" (0.6 on Ubuntu 18.04) and use the Python of the system.',
                       detail=str(error))
