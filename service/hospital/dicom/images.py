"""Pictures of an exam: temperatures as whole numbers that every viewer draws right, and the picture as it is shown.

Stored are hundredths of a kelvin. Slope and intercept are whole, since viewers round what they compute with them or
fill arrays of whole numbers with it; degrees stand in the real world value mapping. There is no VOI LUT Function, which
a viewer that hospitals use cannot take. docs/hospital.md has what each viewer made of each form.
"""
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ...clock import seconds_between
from ...exams import DYNAMIC, Capture, guide
from ...exams.folder import exam_damaged
from ...kept_picture import kept_thermogram
from ...messages import ADJUNCT_NOTICE
from ...thermogram import RELATIVE, Thermogram
from ...views import FRONTAL, LEFT_LATERAL, LEFT_OBLIQUE, RAISED_ARMS, RIGHT_LATERAL, RIGHT_OBLIQUE
from ..site import CELSIUS, HUNDREDTHS
from .codes import BREAST, DEGREE, VIEW_CODES, code_sequence
from .modules import (
    GREY,
    PRIVATE_CREATOR,
    PRIVATE_GROUP,
    Case,
    Made,
    add_conditions,
    add_devices,
    finished,
    new_object,
    number_text,
)

SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'
MULTI_FRAME_BYTE, MULTI_FRAME_WORD = SECONDARY_CAPTURE + '.2', SECONDARY_CAPTURE + '.3'

#: Stored words of one kelvin, and °C of the word 0.
PER_K, ZERO_C = 100, -273.15

#: The warmest that a word stands for; it stands for everything warmer too, and is mapped to no temperature.
BEYOND = 65535


class Form(NamedTuple):
    """How temperatures are shown by a viewer that knows nothing of the real world value mapping.

    Attributes:
        slope, intercept: from stored words to what is shown.
        zero_c, per_c: °C of what is shown as 0, and units of it in a degree.
        window: centre and width in °C.
        rescale_type, unit, sentence: what the unit is, in three ways.
    """

    slope: str
    intercept: str
    zero_c: float
    per_c: int
    window: Tuple[float, float]
    rescale_type: str
    unit: str
    sentence: str


#: A narrow window loses one unit at its upper end, hence 11 degrees for 10 (PS3.3, C.11.2.1.2). With the smallest part
#: of the intercept no word gives a whole number, which would make some viewers compute in whole numbers.
FORMS: Dict[str, Form] = {
    HUNDREDTHS: Form('1', '-27315', 0, 100, (29, 10), 'US', 'C x 100',
                     'Values are hundredths of a degree Celsius: 3133 is 31.33 C.'),
    CELSIUS: Form('0.01', '-273.15000001', 0, 1, (29.5, 11), 'CEL', 'C', 'Values are degrees Celsius.')}

#: Of several frames in one object, whose slope and intercept have to be 1 and 0 (PS3.3, C.8.6.1).
WORDS = Form('1', '0', ZERO_C, 100, (29, 10), 'US', 'kelvin x 100',
             'Values are hundredths of a kelvin: 30448 is 31.33 C, which the real world value mapping says.')

GREY_SENTENCE = 'Values are grey levels of a picture without temperatures.'

#: How a picture lies: directions of its rows and columns, and side of the breast ([DICOM] PS3.3, C.7.6.1.1.1). A
#: camera at her right side has her front on the right of the picture.
ORIENTATION: Dict[str, Tuple[str, str]] = {
    FRONTAL: ('L', 'B'), RAISED_ARMS: ('L', 'B'), DYNAMIC: ('L', 'B'), RIGHT_OBLIQUE: ('LA', 'R'),
    LEFT_OBLIQUE: ('LP', 'L'), RIGHT_LATERAL: ('A', 'R'), LEFT_LATERAL: ('P', 'L')}


def temperatures(case: Case) -> Iterator[Made]:
    """Every picture of an exam that counts, as single-frame Secondary Capture; one without temperatures as grey levels.

    Raises:
        InputError, ExamError, ExamUnreadableError, SealError: as of `kept_thermogram` and `new_object`.
    """
    for number, capture in enumerate(guide.pictures_of(case.exam), 1):
        thermogram, event, form = kept_thermogram(case.exams, case.exam, capture), case.taken(capture), case.site.unit
        kind = 'temperature' if thermogram.is_celsius else GREY
        name = case.name(kind, capture.number, event.number)
        dataset = new_object(case, kind, name, SECONDARY_CAPTURE, number, event.stamp)
        dataset.ConversionType = 'SD'
        dataset.SeriesDescription = 'Thermograms: %s' % (FORMS[form].unit if thermogram.is_celsius else 'grey levels')
        add_view(dataset, capture)
        add_devices(dataset, capture)
        add_conditions(dataset, case, capture, thermogram.provenance.emissivity)
        dataset.ImageComments = comment(view_words(capture), add_frame(dataset, thermogram, FORMS[form]))
        add_private(dataset, case, capture, thermogram.unit)
        yield finished(case, name, dataset)


def series(case: Case) -> Iterator[Made]:
    """The pictures of a dynamic series, as Multi-frame Word Secondary Capture, whose values are the stored words.

    Pictures of another size or without temperatures are an object of their own. Errors as of `temperatures`.
    """
    groups: Dict[Tuple[str, Tuple[int, ...], Optional[float]], List[Tuple[Capture, np.ndarray]]] = {}
    for capture in guide.pictures_of(case.exam):
        if capture.role == DYNAMIC:
            thermogram = kept_thermogram(case.exams, case.exam, capture)
            kind = thermogram.unit, thermogram.pixels.shape, thermogram.provenance.emissivity
            groups.setdefault(kind, []).append((capture, stored_values(thermogram)))
    for number, (unit, shape, emissivity) in enumerate(tuple(groups), 1):
        chosen = groups.pop((unit, shape, emissivity))
        captures, values = [capture for capture, _ in chosen], np.stack([frame for _, frame in chosen])
        del chosen  # a series of a large camera fills memory
        first, is_celsius = captures[0], unit != RELATIVE
        name = case.name('series', first.number, case.taken(captures[-1]).number)
        dataset = new_object(case, 'series', name, MULTI_FRAME_WORD if is_celsius else MULTI_FRAME_BYTE, number,
                             case.taken(first).stamp)
        dataset.ConversionType = 'SD'
        dataset.SeriesDescription = 'Dynamic series: %s' % (WORDS.unit if is_celsius else 'grey levels')
        add_view(dataset, first)
        add_devices(dataset, first)
        add_conditions(dataset, case, first, emissivity)
        dataset.NumberOfFrames = str(len(captures))
        dataset.add_new(0x00280009, 'AT', 0x00181065)
        dataset.FrameTimeVector = [number_text(time_ms) for time_ms in _frame_times(case, captures)]
        dataset.PresentationLUTShape = 'IDENTITY'
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = '0', '1', 'US'
        if is_celsius:
            _add_temperature_window(dataset, values, WORDS)
            dataset.RealWorldValueMappingSequence = real_world_values()
        else:
            _add_grey_window(dataset, values)
        add_pixels(dataset, values)
        del values
        dataset.ImageComments = comment('Dynamic series', WORDS.sentence if is_celsius else GREY_SENTENCE)
        add_private(dataset, case, first, unit)
        yield finished(case, name, dataset)


def pictures(case: Case) -> Iterator[Made]:
    """Every picture of an exam that counts as it was kept: with colours, regions, scale and notice.

    Errors as of `temperatures`, and ``exam-damaged`` for a picture that is none.
    """
    for number, capture in enumerate(guide.pictures_of(case.exam), 1):
        correction = case.exam.correction(capture.number)
        event = correction or case.taken(capture)
        name = case.name('picture', capture.number, event.number)
        file = case.exam.counting(capture.number, 'overlay.png')
        picture = cv2.imdecode(np.frombuffer(case.exams.read_file(case.exam, file), np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise exam_damaged(case.exam.id, 'no picture', file)
        dataset = new_object(case, 'picture', name, SECONDARY_CAPTURE, number, event.stamp)
        dataset.ConversionType = 'WSD'
        dataset.SeriesDescription = 'Pictures with regions and scale'
        add_view(dataset, capture)
        add_devices(dataset, capture)
        add_pixels(dataset, picture[:, :, ::-1])
        dataset.ImageComments = comment(view_words(capture), 'Colours stand for the scale beside the picture.' + (
            ' Outlines were corrected by hand.' if correction else ''))
        yield finished(case, name, dataset)


def add_view(dataset: Dataset, capture: Capture) -> None:
    """State what of the patient a picture shows, and how it lies."""
    row, side = ORIENTATION[capture.role]
    dataset.BodyPartExamined = 'BREAST'
    dataset.ImageLaterality, dataset.PatientOrientation = side, [row, 'F']
    dataset.AnatomicRegionSequence = code_sequence(BREAST)
    dataset.ViewCodeSequence = code_sequence(VIEW_CODES[capture.role])


def add_frame(dataset: Dataset, thermogram: Thermogram, form: Form) -> str:
    """Store one frame with what it means and how it is to be shown.

    Returns:
        What the values are, as a sentence for who reads one of them.
    """
    values = stored_values(thermogram)
    add_pixels(dataset, values)
    if not thermogram.is_celsius:
        _add_grey_window(dataset, values)
        return GREY_SENTENCE
    dataset.RescaleIntercept, dataset.RescaleSlope = form.intercept, form.slope
    dataset.RescaleType = form.rescale_type
    _add_temperature_window(dataset, values, form)
    dataset.RealWorldValueMappingSequence = real_world_values()
    beyond = int((values == BEYOND).sum())
    return form.sentence + (' Pixels warmer than %.2f C are stored as that: %d.'
                            % (BEYOND / PER_K + ZERO_C, beyond) if beyond else '')


def view_words(capture: Capture) -> str:
    """What a picture shows, in words."""
    return 'dynamic series, picture %d' % capture.frame if capture.frame else capture.role.replace('-', ' ') + ' view'


def comment(view: str, sentence: str) -> str:
    """What a picture shows and what its values are, and what nobody may overlook."""
    return '%s. %s %s' % (view.capitalize(), sentence, ADJUNCT_NOTICE)


def stored_values(thermogram: Thermogram) -> np.ndarray:
    """A frame as it is stored: words, uint16 HxW, or the grey levels of one without temperatures, uint8 HxW."""
    if thermogram.is_celsius:
        return stored_words(thermogram.pixels)
    return np.rint(np.clip(thermogram.pixels, 0, 255)).astype(np.uint8)


def stored_words(celsius: np.ndarray) -> np.ndarray:
    """Temperatures as hundredths of a kelvin: uint16 of the same shape.

    Args:
        celsius: float32 HxW, finite and not below absolute zero, as every `Thermogram` is. What is warmer than a word
            holds becomes `BEYOND`.
    """
    return np.clip(np.rint((celsius.astype(np.float64) - ZERO_C) * PER_K), 0, BEYOND).astype(np.uint16)


def real_world_values() -> Sequence:
    """What `stored_words` mean, in degrees Celsius ([DICOM] PS3.3, C.7.6.16.2.11)."""
    item = Dataset()
    item.LUTLabel, item.LUTExplanation = 'CELSIUS', 'Temperature in degrees Celsius'
    item.MeasurementUnitsCodeSequence = code_sequence(DEGREE)
    item.add_new(0x00409216, 'US', 0)
    item.add_new(0x00409211, 'US', BEYOND - 1)
    item.RealWorldValueIntercept, item.RealWorldValueSlope = ZERO_C, 1.0 / PER_K
    return Sequence([item])


def add_pixels(dataset: Dataset, pixels: np.ndarray) -> None:
    """Store pixels: uint8 or uint16 HxW grey, uint8 HxWx3 red, green, blue, or uint16 FxHxW frames."""
    colour = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[-1] == 3
    bits = 8 * pixels.itemsize
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = 'RGB' if colour else 'MONOCHROME2'
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.BurnedInAnnotation = 'NO'
    data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder('<')).tobytes()
    dataset.add_new(0x7FE00010, 'OB' if bits == 8 else 'OW', data + b'\0' * (len(data) % 2))


def add_private(dataset: Dataset, case: Case, capture: Capture, unit: str) -> None:
    """State of which exam and picture of a station an object is."""
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(0x01, 'LO', case.exam.id)
    block.add_new(0x02, 'IS', str(capture.number))
    block.add_new(0x03, 'CS', capture.role.upper().replace('-', '_'))
    block.add_new(0x04, 'CS', unit.upper())


def _add_temperature_window(dataset: Dataset, words: np.ndarray, form: Form) -> None:
    """The usual window, or the range of a frame that lies outside it and would be black or white."""
    centre, width = form.window
    low, high = (float(words.min()) / PER_K + ZERO_C, float(words.max()) / PER_K + ZERO_C)
    if low < centre + width / 2 and high > centre - width / 2:
        explanation = '24 TO 34 C'
    else:
        centre, width, explanation = (low + high) / 2, max(1.0, high - low) + 1.0 / form.per_c, 'COLDEST TO WARMEST'
    _add_window(dataset, (centre - form.zero_c) * form.per_c, width * form.per_c, explanation)


def _frame_times(case: Case, captures: List[Capture]) -> Iterator[float]:
    """Milliseconds from each picture to the next, after 0 for the first.

    Of the pictures where their times are known, or else of the events that kept them.
    """
    yield 0
    for before, after in zip(captures, captures[1:]):
        if 'taken_s' in before.facts and 'taken_s' in after.facts:
            between_s = after.facts['taken_s'] - before.facts['taken_s']
        else:
            between_s = seconds_between(case.taken(before).stamp, case.taken(after).stamp)
        yield round(max(0.0, between_s) * 1000)


def _add_grey_window(dataset: Dataset, levels: np.ndarray) -> None:
    """From the darkest to the brightest level; of a window that is wider than that dwv shows a part in its middle."""
    darkest, brightest = int(levels.min()), int(levels.max())
    _add_window(dataset, (darkest + brightest + 1) / 2, max(2, brightest - darkest + 1), 'DARKEST TO BRIGHTEST')


def _add_window(dataset: Dataset, centre: float, width: float, explanation: str) -> None:
    dataset.WindowCenter, dataset.WindowWidth = number_text(centre), number_text(width)
    dataset.WindowCenterWidthExplanation = explanation
