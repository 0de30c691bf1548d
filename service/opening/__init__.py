"""Opening the files of a disk for the page: read in a process of its own, analysed, and kept by what was read.

`places` says which files may be opened and what a folder holds, `child` is the process that reads files, `process` the
service's end of it, and `opened` keeps what was opened last.
"""
from .opened import GoneError, OpenedFile, OpenedFiles
from .places import Listing, PlaceError, list_files, list_folder, resolve
from .process import AbandonedError, OpeningError, ReadingProcess, reading_of, refusal_of, thermogram_of

__all__ = ['AbandonedError', 'GoneError', 'Listing', 'OpenedFile', 'OpenedFiles', 'OpeningError', 'PlaceError',
           'ReadingProcess', 'list_files', 'list_folder', 'reading_of', 'refusal_of', 'resolve', 'thermogram_of']
