"""Many files into results: one after another, each whole or not at all; one that cannot be used stops no other."""
import os
from dataclasses import asdict
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple, Type

from . import __version__
from .messages import InputError, ThermoscreenError
from .pipeline import Pipeline
from .readers.files import shown_name
from .record import SUMMARY_NAME, Input, is_contact_sheet, read_record, write_record
from .result import source_values
from .summary import Row, failed_row
from .thermogram import Thermogram

#: What came of one file: JSON values of its result or of its error, with ``path``, ``input`` and ``outcome``.
Report = Dict[str, Any]

#: Reads a file: its path, and what is called as soon as it is known which file that is. Gives a thermogram, and how
#: many frames the file has.
Read = Callable[[str, Callable[[Input], None]], Tuple[Thermogram, int]]


class Drawing(NamedTuple):
    """How overlays are drawn: as for `draw_overlay`."""

    palette: str
    layer: str


def analyse_files(paths: Iterable[str], out: str, pipeline: Pipeline, read: Read, drawing: Drawing, force: bool = False,
                  ends: Tuple[Type[ThermoscreenError], ...] = (), resume: bool = False) -> Iterator[Report]:
    """Analyse files into a folder of records, and say of each what came of it.

    Args:
        paths: of the files; two of one stem are refused.
        out: folder of records, made where it is missing.
        pipeline: started.
        read: reads a file.
        force: as of `write_record`.
        ends: errors that are no matter of one file; they are raised.
        resume: whether a result that lies there whole, of the same frame by the same model and program, is kept; its
            report has ``kept``.
    """
    taken = {SUMMARY_NAME}
    for path in paths:
        source: List[Input] = []
        try:
            thermogram, frames = read(path, source.append)
            folder = _folder(path, out, taken)
            report = _kept(folder, source[0], thermogram, pipeline) if resume else None
            if report is None:
                result = pipeline.analyse(thermogram)
                write_record(folder, result, source[0], drawing.palette, drawing.layer, force)
                report = result.to_dict()
            yield dict(report, path=path, folder=folder, input=asdict(source[0]), frame=source[0].frame, frames=frames)
        except ThermoscreenError as error:
            if isinstance(error, ends):
                raise
            yield dict(error.to_dict(), path=path, input=asdict(source[0]) if source else None, outcome='failed')


def failures_of(reports: Iterable[Report]) -> List[Row]:
    """The rows of a summary about the files that could not be used."""
    return [failed_row(report, shown_name(report['path']), report['input']['sha256'] if report['input'] else '')
            for report in reports if report['outcome'] == 'failed']


def stem_of(path: str) -> str:
    """The name of the folder of a file's record."""
    return os.path.splitext(os.path.basename(path))[0]


def _kept(folder: str, source: Input, thermogram: Thermogram, pipeline: Pipeline) -> Optional[Report]:
    """The result that an earlier run left in a folder; None where it is to be computed."""
    try:
        document = read_record(folder)
    except InputError:
        return None
    same = {'input': asdict(source), 'bundle': pipeline.bundle.manifest.identity, 'program': __version__,
            'unit': thermogram.unit, 'provenance': source_values(thermogram.provenance)}
    return dict(document, kept=True) if all(document.get(key) == value for key, value in same.items()) else None


def _folder(path: str, out: str, taken: Set[str]) -> str:
    stem = stem_of(path)
    if stem in taken or is_contact_sheet(stem):
        raise InputError('output-name-taken', '%s would overwrite the result of another file called %s.' % (path, stem),
                         'Analyse it into another folder.')
    taken.add(stem)
    return os.path.join(out, stem)
