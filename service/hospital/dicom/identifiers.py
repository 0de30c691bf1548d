"""Identifiers of objects, computed from the exam: what is made once more has the same ones."""
import uuid

#: Of `uid_of`; with another one every object that was ever sent would become a stranger.
_NAMESPACE = uuid.UUID('40b0ff6a-9f04-4220-a8bb-d12470aeb2bb')

#: What wrote a file, in its file meta information: one for the product, whatever its version.
IMPLEMENTATION_UID = '2.25.311485395883522293501097142812819237760'
IMPLEMENTATION_NAME = 'THERMOSCREEN'


def uid_of(exam_id: str, name: str) -> str:
    """A unique identifier under the root of UUIDs, [DICOM] PS3.5, B.2.

    Args:
        exam_id: of `Exam`.
        name: what of the exam it names, and by the event of which number, such as ``'object/0003/temperature/12'``.
    """
    return '2.25.%d' % uuid.uuid5(_NAMESPACE, '%s/%s' % (exam_id, name)).int
