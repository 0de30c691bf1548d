"""DICOM files as bytes, the same from every version of pydicom: 2.3 of Python 3.6, and 3."""
import io
import warnings
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from .identifiers import IMPLEMENTATION_NAME, IMPLEMENTATION_UID

_SINCE_3 = int(pydicom.__version__.split('.')[0]) >= 3


def encode(dataset: Dataset) -> bytes:
    """A whole file, Explicit VR Little Endian, which says when it was made only as far as the object does.

    Args:
        dataset: with SOP class and instance; it becomes that of the file.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b'\0\1'
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    dataset.file_meta, dataset.preamble = meta, bytes(128)
    stream = io.BytesIO()
    write: Any = pydicom.dcmwrite
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # pydicom counts bytes where the standard counts characters
        if _SINCE_3:
            write(stream, dataset, enforce_file_format=True)
        else:
            dataset.is_little_endian, dataset.is_implicit_VR = True, False
            write(stream, dataset, write_like_original=False)
    return bytes(stream.getvalue())
