"""Opening the files of a disk for the page: read in a process of its own, analysed, and kept by what was read.

`places` says which files may be opened and what a folder holds, `child` is the process that reads files, `process` the
service's end of it, and `opened` keeps what was opened last.
"""
from .opened import GoneError, OpenedFile, OpenedFiles
from .places import Listing, PlaceError, list_folder, resolve
from .process import OpeningError, ReadingProcess

__all__ = ['GoneError', 'Listing', 'OpenedFile', 'OpenedFiles', 'OpeningError', 'PlaceError',
           'ReadingProcess', 'list_folder', 'resolve']
