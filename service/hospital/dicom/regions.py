"""The seven regions as a Segmentation of the picture that they lie on ([DICOM] PS3.3, A.51), one bit for each pixel.

Nobody knows how large a pixel is at the body, and a segmentation may leave that out. OHIF then shows an empty page and
dwv an error, so each picture has a frame of reference of its own, whose unit is the pixel: position 0, axes along rows
and columns, and 1 mm for a pixel, which is what both take for a picture that states none of it. The object says in
words that no size was measured; the picture itself states none, so that lengths on it are in pixels. docs/hospital.md
has what was tried.
"""
import json
from typing import Any, Iterator, List, Mapping, NamedTuple, Optional

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from ...exams import Capture, Event, guide
from ...kept_picture import kept_labels
from ...regions import REGIONS, region_label
from .codes import REGION_CODES, Code, code_sequence
from .content import Reference, picture_reference
from .identifiers import uid_of
from .images import comment, view_words
from .modules import LONG, MANUFACTURER, Case, Made, finished, new_object, shown

SEGMENTATION = '1.2.840.10008.5.1.4.1.1.66.4'

#: Who drew a segment.
AUTOMATIC, SEMIAUTOMATIC, MANUAL = 'AUTOMATIC', 'SEMIAUTOMATIC', 'MANUAL'

_ANATOMY = Code('123037004', 'SCT', 'Anatomical Structure')
_NETWORK = Code('123110', 'DCM', 'Artificial Intelligence')
_DERIVATION = Code('113076', 'DCM', 'Segmentation')
_SOURCE = Code('121322', 'DCM', 'Source image for image processing operation')

#: What nobody may take for a measurement; the longest text of a description has 64 characters.
DESCRIPTION = 'Regions; 1 mm stands for 1 pixel, no size was measured'
CONVENTION = ('Regions of the picture that it names. Millimetres are a convention: 1 mm stands for 1 pixel, since the '
              'size of a pixel at the body is not known.')


class Drawn(NamedTuple):
    """The outlines of a picture that count.

    Attributes:
        labels: uint8 HxW region ids.
        model: those of the network.
        event: that made them: the capture, or the correction.
    """

    labels: np.ndarray
    model: np.ndarray
    event: Event

    @property
    def found(self) -> List[int]:
        """Ids of the regions that are there. The first is segment 1, and so on."""
        return [region for region in range(1, len(REGIONS)) if (self.labels == region).any()]


def drawn_regions(case: Case, capture: Capture) -> Optional[Drawn]:
    """The outlines of a picture that count; None for one without a result or without regions.

    Raises:
        ExamError, ExamUnreadableError, SealError: as of `kept_labels`.
    """
    exam, name = case.exam, case.exam.counting(capture.number, 'labels.png')
    if name not in exam.files:
        return None
    values = json.loads(case.exams.read_file(exam, '%04d.result.json' % capture.number).decode('utf-8'))
    shape = values['size']['height_px'], values['size']['width_px']
    labels, model = (kept_labels(case.exams, exam, file, shape)
                     for file in (name, '%04d.labels.png' % capture.number))
    drawn = Drawn(labels, model, exam.correction(capture.number) or case.taken(capture))
    return drawn if values['outcome'] == 'result' and drawn.found else None


def regions_reference(case: Case, capture: Capture, drawn: Drawn) -> Reference:
    """The object with the regions of a picture."""
    name = case.name('regions', capture.number, drawn.event.number)
    return Reference(SEGMENTATION, uid_of(case.exam.id, name), case.series_uid('regions', capture.number),
                     case.study_uid)


def regions(case: Case) -> Iterator[Made]:
    """The regions of every picture that counts, by the outlines that count.

    Those of each picture are a series, since OHIF shows the last object of a series of segmentations and no other.

    Raises:
        ExamError, ExamUnreadableError, SealError, InputError: as of `drawn_regions` and `new_object`.
    """
    for capture in guide.pictures_of(case.exam):
        drawn, source = drawn_regions(case, capture), picture_reference(case, capture)
        if drawn is None or source is None:
            continue
        number = 1 + sum(event.facts['picture'] == capture.number and event.number <= drawn.event.number
                         for event in case.exam.corrections)
        name = case.name('regions', capture.number, drawn.event.number)
        dataset = new_object(case, 'regions', name, SEGMENTATION, number, drawn.event.stamp, 'SEG',
                             capture.number)
        dataset.SeriesDescription = 'Regions: %s' % capture.role.replace('-', ' ')
        dataset.DeviceSerialNumber = case.site.station_name or 'unknown'
        dataset.ContentLabel, dataset.ContentDescription = 'REGIONS', DESCRIPTION
        dataset.ContentCreatorName = ''
        dataset.ImageComments = comment(view_words(capture), CONVENTION)
        dataset.FrameOfReferenceUID = uid_of(case.exam.id, 'regions/%04d/frame-of-reference' % capture.number)
        dataset.PositionReferenceIndicator = ''
        _add_segments(dataset, drawn, capture.facts.get('bundle') or {})
        _add_frames(dataset, source, uid_of(case.exam.id, 'regions/order'))
        yield finished(case, name, dataset)


def _add_segments(dataset: Dataset, drawn: Drawn, network: Mapping[str, Any]) -> None:
    """Every region that is there as a segment and as a frame.

    Args:
        network: its ``id``, ``version`` and ``hash``.
    """
    masks = [drawn.labels == region for region in drawn.found]
    dataset.ImageType = ['DERIVED', 'PRIMARY']
    dataset.LossyImageCompression = '00'
    dataset.SegmentationType, dataset.SegmentsOverlap = 'BINARY', 'NO'
    dataset.SegmentSequence = Sequence([
        _segment(number, region, _drawn_by(mask, drawn.model == region), network)
        for number, (region, mask) in enumerate(zip(drawn.found, masks), 1)])
    _add_pixels(dataset, np.stack(masks))


def _drawn_by(mask: np.ndarray, model: np.ndarray) -> str:
    """Who drew a region: the network, a person who corrected what it drew, or a person alone."""
    if np.array_equal(mask, model):
        return AUTOMATIC
    return SEMIAUTOMATIC if model.any() else MANUAL


def _segment(number: int, region: int, drawn_by: str, network: Mapping[str, Any]) -> Dataset:
    kind, side = REGION_CODES[region]
    item, drawn = Dataset(), Dataset()
    item.SegmentNumber, item.SegmentLabel = number, region_label(region)
    item.SegmentedPropertyCategoryCodeSequence = code_sequence(_ANATOMY)
    item.SegmentedPropertyTypeCodeSequence = code_sequence(kind)
    if side is not None:
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = code_sequence(side)
    item.SegmentAlgorithmType = drawn_by
    if drawn_by != MANUAL:
        name, version, digest = (shown(str(network.get(key, '')), LONG) or 'unknown'
                                 for key in ('id', 'version', 'hash'))
        item.SegmentAlgorithmName = name
        drawn.AlgorithmFamilyCodeSequence = code_sequence(_NETWORK)
        drawn.AlgorithmName, drawn.AlgorithmVersion, drawn.AlgorithmParameters = name, version, 'SHA-256 ' + digest
        drawn.AlgorithmSource = MANUFACTURER
        item.SegmentationAlgorithmIdentificationSequence = Sequence([drawn])
    return item


def _add_pixels(dataset: Dataset, masks: np.ndarray) -> None:
    """Frames of one bit: every eight pixels are a byte, the first one its lowest bit, and no frame begins anew.

    Args:
        masks: bool NxHxW.
    """
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, 'MONOCHROME2'
    dataset.NumberOfFrames = str(len(masks))
    dataset.Rows, dataset.Columns = masks.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    bits = np.zeros(-(-masks.size // 16) * 16, bool)  # values have an even number of bytes
    bits[:masks.size] = masks.ravel()
    dataset.PixelData = np.packbits(bits.reshape(-1, 8)[:, ::-1]).tobytes()
    dataset['PixelData'].VR = 'OB'


def _add_frames(dataset: Dataset, source: Reference, organisation: str) -> None:
    """What each frame is: one segment of the whole picture.

    Args:
        source: the picture.
        organisation: UID of the order of the frames.
    """
    order = Dataset()
    order.DimensionOrganizationUID = organisation
    dataset.DimensionOrganizationSequence = Sequence([order])
    dataset.DimensionIndexSequence = Sequence([
        _dimension(organisation, 'Segment', 'ReferencedSegmentNumber', 'SegmentIdentificationSequence'),
        _dimension(organisation, 'Position', 'ImagePositionPatient', 'PlanePositionSequence')])
    dataset.SharedFunctionalGroupsSequence = Sequence([_measures()])
    frames = []
    for number in range(1, len(dataset.SegmentSequence) + 1):
        frame, content, segment, position = _derivation(source), Dataset(), Dataset(), Dataset()
        content.DimensionIndexValues = [number, 1]
        segment.ReferencedSegmentNumber = number
        position.ImagePositionPatient = ['0', '0', '0']
        frame.FrameContentSequence, frame.PlanePositionSequence = Sequence([content]), Sequence([position])
        frame.SegmentIdentificationSequence = Sequence([segment])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    series = Dataset()
    series.SeriesInstanceUID = source.series_uid
    series.ReferencedInstanceSequence = Sequence([source.item()])
    dataset.ReferencedSeriesSequence = Sequence([series])


def _dimension(organisation: str, label: str, pointer: str, group: str) -> Dataset:
    """One of the orders of frames; dwv wants two, the last by position, although all frames lie at one place."""
    index = Dataset()
    index.DimensionOrganizationUID, index.DimensionDescriptionLabel = organisation, label
    index.DimensionIndexPointer, index.FunctionalGroupPointer = Tag(pointer), Tag(group)
    return index


def _measures() -> Dataset:
    """Size and directions of the pixels by the convention of this module ([DICOM] PS3.3, C.7.6.16.2.1 and .4).

    The distance of slices, of which there is one, is for dwv.
    """
    measures, orientation, groups = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = ['1', '1'], '1', '1'
    orientation.ImageOrientationPatient = ['1', '0', '0', '0', '1', '0']
    groups.PixelMeasuresSequence, groups.PlaneOrientationSequence = Sequence([measures]), Sequence([orientation])
    return groups


def _derivation(source: Reference) -> Dataset:
    group, derivation, image = Dataset(), Dataset(), source.item()
    image.PurposeOfReferenceCodeSequence = code_sequence(_SOURCE)
    image.SpatialLocationsPreserved = 'YES'
    derivation.SourceImageSequence = Sequence([image])
    derivation.DerivationCodeSequence = code_sequence(_DERIVATION)
    group.DerivationImageSequence = Sequence([derivation])
    return group
