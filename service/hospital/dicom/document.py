"""The printed report as Encapsulated PDF ([DICOM] PS3.3, A.45.1), byte for byte as the station prints it."""
from typing import Iterator

from ..printing import print_report
from ..report import report_of
from .codes import Code, code_sequence
from .content import versions
from .modules import Case, Made, finished, new_object

ENCAPSULATED_PDF = '1.2.840.10008.5.1.4.1.1.104.1'

_TITLE = Code('18748-4', 'LN', 'Diagnostic imaging study')


def document(case: Case) -> Iterator[Made]:
    """The report of a signed exam as PDF.

    Raises:
        ExamError, ExamUnreadableError, StorageError, SealError, PrintingError: as of `report_of` and `print_report`.
    """
    version, number = versions(case)[-1], len(versions(case))
    pdf = print_report(report_of(case.exams, case.exam, case.site), case.site.paper)
    name = case.name('report', 0, version.number)
    dataset = new_object(case, 'report', name, ENCAPSULATED_PDF, number, version.stamp, 'DOC')
    dataset.SeriesDescription = dataset.DocumentTitle = 'Report of breast thermography'
    dataset.ConversionType = 'WSD'
    dataset.AcquisitionDateTime = dataset.StudyDate + dataset.StudyTime
    dataset.BurnedInAnnotation = 'YES'
    dataset.ConceptNameCodeSequence = code_sequence(_TITLE)
    dataset.VerificationFlag = 'VERIFIED'
    dataset.MIMETypeOfEncapsulatedDocument = 'application/pdf'
    dataset.EncapsulatedDocument = pdf + b'\0' * (len(pdf) % 2)
    dataset.EncapsulatedDocumentLength = len(pdf)
    yield finished(case, name, dataset)
