"""Label images from disk, checked before anything learns from them."""
import numpy as np

from service.messages import InputError
from service.readers import reader_for
from service.readers.files import shown_name

#: Refusals of the picture reader whose sentences speak of temperatures; for labels they mean one thing.
_OTHER_KINDS = ('scale-unknown', 'picture-colour', 'picture-transparent', 'format-unsupported')


def read_label_image(path, regions):
    """Region ids of an 8-bit grey PNG.

    Args:
        path (str or os.PathLike): the file.
        regions (int): how many ids there are, background included.
    Returns:
        numpy.ndarray: uint8 HxW, every value below `regions`.
    Raises:
        InputError: ``label-kind``, ``label-id``, or what is wrong with the file.
    """
    labels = read_grey(path)
    if labels.max() >= regions:
        row, column = np.unravel_index(int(labels.argmax()), labels.shape)
        raise InputError('label-id', '%s has the value %d in row %d, column %d; region ids are 0 to %d.'
                         % (shown_name(path), labels[row, column], row + 1, column + 1, regions - 1))
    return labels


def read_grey(path):
    """The values of an 8-bit grey PNG: uint8 HxW.

    Raises:
        InputError: ``label-kind``, or what is wrong with the file.
    """
    reader = reader_for(path)
    try:
        if reader.name != 'png':
            raise _other_kind(path)
        return reader.read(path).pixels.astype(np.uint8)
    except InputError as error:
        if error.code in _OTHER_KINDS:
            raise _other_kind(path)
        raise


def _other_kind(path):
    return InputError('label-kind', '%s is not an 8-bit grey PNG, which labels have to be; save it as one, '
                      'its values being the region ids.' % shown_name(path))
