"""Temperatures as numbers with a decimal point: a Parametric Map of each picture, for research."""
from typing import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ...exams import guide
from ...kept_picture import kept_thermogram
from .codes import BREAST, DEGREE, QUANTITY, SKIN_TEMPERATURE, code_sequence
from .identifiers import uid_of
from .images import add_private, add_view, comment, view_words
from .modules import Case, Made, add_conditions, add_devices, date_time_text, finished, new_object, number_text

PARAMETRIC_MAP = '1.2.840.10008.5.1.4.1.1.30'

#: Of every map and of its only frame.
_TYPE = ['DERIVED', 'PRIMARY', 'OTHER', 'NONE']

#: Direction of the rows of a picture in the coordinates of the patient, by how it says it lies: x grows to her left, y
#: to her back and z to her head. Columns go to her feet.
_ROWS = {'L': (1, 0), 'LA': (0.70710678, -0.70710678), 'LP': (0.70710678, 0.70710678), 'A': (0, -1), 'P': (0, 1)}

#: Centre and width of the window, °C; one unit more, which a linear window loses.
_WINDOW_C = (29.5, 11)


def maps(case: Case) -> Iterator[Made]:
    """A map of every picture of an exam that counts and has temperatures; errors as of `images.temperatures`."""
    for number, capture in enumerate(guide.pictures_of(case.exam), 1):
        thermogram, event = kept_thermogram(case.exams, case.exam, capture), case.taken(capture)
        if not thermogram.is_celsius:
            continue
        name = case.name('map', capture.number, event.number)
        dataset = new_object(case, 'map', name, PARAMETRIC_MAP, number, event.stamp)
        dataset.SeriesDescription = 'Temperatures in C'
        dataset.DeviceSerialNumber = case.site.station_name or 'unknown'
        add_view(dataset, capture)
        del dataset.ViewCodeSequence, dataset.AnatomicRegionSequence
        add_devices(dataset, capture)
        add_conditions(dataset, case, capture, thermogram.provenance.emissivity)
        dataset.ImageType, dataset.ContentLabel = _TYPE, 'TEMPERATURE'
        dataset.ContentDescription, dataset.ContentCreatorName = 'Temperatures of one picture', ''
        dataset.ContentQualification = 'RESEARCH'
        dataset.BurnedInAnnotation, dataset.RecognizableVisualFeatures = 'NO', 'NO'
        dataset.LossyImageCompression, dataset.PresentationLUTShape = '00', 'IDENTITY'
        dataset.FrameOfReferenceUID = uid_of(case.exam.id, name + '/frame-of-reference')
        dataset.PositionReferenceIndicator = ''
        dataset.AcquisitionDateTime = date_time_text(case.time(event.stamp))
        _add_dimension(dataset, uid_of(case.exam.id, name + '/dimension'))
        pixels = _without_whole_ends(thermogram.pixels)
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, 'MONOCHROME2'
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.NumberOfFrames, dataset.BitsAllocated = '1', 32
        dataset.FloatPixelData = pixels.astype('<f4').tobytes()
        dataset.SharedFunctionalGroupsSequence = Sequence([
            _shared(dataset.PatientOrientation[0], dataset.ImageLaterality, float(pixels.min()), float(pixels.max()))])
        dataset.PerFrameFunctionalGroupsSequence = Sequence([_frame(dataset)])
        dataset.ImageComments = comment(view_words(capture), 'Values are degrees Celsius.')
        add_private(dataset, case, capture, thermogram.unit)
        yield finished(case, name, dataset)


def _without_whole_ends(celsius: np.ndarray) -> np.ndarray:
    """Temperatures of which the coldest and the warmest are not both whole degrees.

    Where they are, cornerstone3D (until 5.14 at least) makes whole degrees of all others too; the coldest pixels are
    then warmer by the smallest step that a float has, 2 millionths of a degree for skin.
    """
    coldest = celsius.min()
    if coldest != np.rint(coldest) or celsius.max() != np.rint(celsius.max()):
        return celsius
    return np.where(celsius == coldest, np.nextafter(coldest, np.float32(np.inf)), celsius)


def _add_dimension(dataset: Dataset, uid: str) -> None:
    organization, index = Dataset(), Dataset()
    organization.DimensionOrganizationUID = index.DimensionOrganizationUID = uid
    index.add_new(0x00209165, 'AT', 0x00209057)
    index.add_new(0x00209167, 'AT', 0x00209111)
    dataset.DimensionOrganizationSequence, dataset.DimensionIndexSequence = Sequence([organization]), Sequence([index])


def _shared(row: str, side: str, lowest_c: float, highest_c: float) -> Dataset:
    """What holds for the only frame: [DICOM] PS3.3, A.75.4.

    The size of a pixel is not known, and the frame of reference is that of this picture alone.
    """
    measures, position, orientation, identity, window, mapping, kind, anatomy = (Dataset() for _ in range(8))
    position.ImagePositionPatient = ['0', '0', '0']
    orientation.ImageOrientationPatient = [number_text(value) for value in _ROWS[row] + (0, 0, 0, -1)]
    identity.RescaleIntercept, identity.RescaleSlope, identity.RescaleType = '0', '1', 'US'
    window.WindowCenter, window.WindowWidth = map(number_text, _WINDOW_C)
    mapping.LUTLabel, mapping.LUTExplanation = 'CELSIUS', 'Temperature in degrees Celsius'
    mapping.MeasurementUnitsCodeSequence = code_sequence(DEGREE)
    mapping.add_new(0x00409214, 'FD', lowest_c)
    mapping.add_new(0x00409213, 'FD', highest_c)
    mapping.RealWorldValueIntercept, mapping.RealWorldValueSlope = 0.0, 1.0
    quantity = Dataset()
    quantity.ValueType, quantity.ConceptNameCodeSequence = 'CODE', code_sequence(QUANTITY)
    quantity.ConceptCodeSequence = code_sequence(SKIN_TEMPERATURE)
    mapping.QuantityDefinitionSequence = Sequence([quantity])
    kind.FrameType = _TYPE
    anatomy.FrameLaterality, anatomy.AnatomicRegionSequence = side, code_sequence(BREAST)
    groups = Dataset()
    groups.PixelMeasuresSequence = Sequence([measures])
    groups.PlanePositionSequence, groups.PlaneOrientationSequence = Sequence([position]), Sequence([orientation])
    groups.PixelValueTransformationSequence = Sequence([identity])
    groups.FrameVOILUTSequence = Sequence([window])
    groups.RealWorldValueMappingSequence = Sequence([mapping])
    groups.ParametricMapFrameTypeSequence = Sequence([kind])
    groups.FrameAnatomySequence = Sequence([anatomy])
    return groups


def _frame(dataset: Dataset) -> Dataset:
    content, groups = Dataset(), Dataset()
    content.FrameAcquisitionDateTime = content.FrameReferenceDateTime = dataset.AcquisitionDateTime
    content.FrameAcquisitionDuration = 0.0
    content.DimensionIndexValues, content.StackID, content.InStackPositionNumber = 1, '1', 1
    groups.FrameContentSequence = Sequence([content])
    return groups
