"""CVAT: "CVAT for images 1.1" with masks, both ways, and its "Segmentation mask 1.1" back.

Masks come back byte for byte from a task; an import into a project leaves them out (cvat/apps/dataset_manager/formats,
2.80). XML goes through defusedxml, since a file may ask its reader for other files or for all of the memory.
"""
import io
import json
import re
import zipfile
from typing import Any, Callable, Dict, List, Sequence, Tuple
from xml.etree import ElementTree

import cv2
import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from service.messages import InputError
from service.regions import LEFT_NIPPLE, REGIONS, RIGHT_NIPPLE

from .masks import MaskBox, decode_box, encode_box
from .record import Sent, region_colours
from .shapes import Answer, Shape, check_size, text_of

PICTURES, ANNOTATIONS, LABELS = 'pictures.zip', 'annotations.xml', 'labels.json'
TOOL, MASKS_TOOL = 'CVAT for images 1.1', 'CVAT Segmentation mask 1.1'

#: What CVAT draws besides masks.
_OTHER_SHAPES = ('box', 'polygon', 'polyline', 'points', 'ellipse', 'cuboid', 'skeleton')
#: The same time for every picture in the zip, so that the same pictures make the same file.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_FOLDER = 'SegmentationClass/'
_COLOUR = re.compile(r'([^:#]+):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*')


def write_files(sent: Sequence[Sent]) -> Dict[str, bytes]:
    """The labels to paste, the pictures of the task, and the outlines to upload to it."""
    pictures = io.BytesIO()
    with zipfile.ZipFile(pictures, 'w') as archive:  # stored: PNG is compressed already
        for one in sent:
            archive.writestr(zipfile.ZipInfo(one.frame.name, _ZIP_TIME), one.picture)
    labels = [{'name': name, 'color': colour, 'type': 'mask', 'attributes': []}
              for name, colour in region_colours().items()]
    return {PICTURES: pictures.getvalue(), ANNOTATIONS: annotations(sent),
            LABELS: (json.dumps(labels, indent=1) + '\n').encode('ascii')}


def annotations(sent: Sequence[Sent]) -> bytes:
    """The XML of label maps; the nipples lie above the breasts."""
    root = ElementTree.Element('annotations')
    ElementTree.SubElement(root, 'version').text = '1.1'
    labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, 'meta'), 'task'), 'labels')
    for name, colour in region_colours().items():
        label = ElementTree.SubElement(labels, 'label')
        for key, text in (('name', name), ('color', colour), ('type', 'mask'), ('attributes', None)):
            ElementTree.SubElement(label, key).text = text
    for number, one in enumerate(sent):
        frame = one.frame
        image = ElementTree.SubElement(root, 'image', id=str(number), name=frame.name, width=str(frame.width),
                                       height=str(frame.height))
        for region, name in enumerate(REGIONS):
            if region and one.labels is not None and (one.labels == region).any():
                runs, box = encode_box(one.labels == region)
                order = '1' if region in (RIGHT_NIPPLE, LEFT_NIPPLE) else '0'
                ElementTree.SubElement(image, 'mask', dict(
                    label=name, source='auto', occluded='0', rle=', '.join(map(str, runs)), z_order=order,
                    **{key: str(value) for key, value in box._asdict().items()}))
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, 'utf-8') + b'\n'


# -- XML back


def read_xml(data: bytes, name: str) -> Tuple[str, Tuple[Answer, ...]]:
    """The tool and the frames of an ``annotations.xml``.

    Raises:
        InputError: ``labels-damaged``, ``labels-format``, ``labels-hostile``, or ``labels-flipped``.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InputError('labels-hostile', '%s declares entities or a document type, which no export of CVAT has.'
                         % name, 'Export it again, and ask where this file is from.', detail=repr(error))
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise InputError('labels-damaged', '%s is cut off, or no XML.' % name, 'Export it again.', detail=repr(error))
    if root.tag != 'annotations' or root.findtext('version') != '1.1' or root.find('track') is not None:
        raise InputError('labels-format', '%s is not "CVAT for images 1.1".' % name, 'Choose that format in CVAT.')
    if any((flag.text or '').strip().lower() == 'true' for flag in root.iter('flipped')):
        raise InputError('labels-flipped', '%s says that its pictures were flipped.' % name,
                         'Make the task again with the pictures as they were sent.')
    meta = root.find('meta')
    by = meta.findtext('.//assignee/username') or meta.findtext('.//owner/username') if meta is not None else ''
    at = meta.findtext('dumped') if meta is not None else ''
    return TOOL, tuple(_answer(image, text_of(by or ''), text_of(at or '')) for image in root.findall('image'))


def _answer(image, by, at):
    name = text_of(image.get('name'))
    if not any(shape.tag == 'mask' or shape.tag in _OTHER_SHAPES for shape in image):
        return Answer(name, None, 'no region is drawn')
    return Answer(name, lambda height, width: _shapes(image, height, width), '', by, at)


def _shapes(image, height, width):
    check_size((image.get('width'), image.get('height')), height, width)
    return [_mask(shape, height, width) for shape in image if shape.tag == 'mask' or shape.tag in _OTHER_SHAPES]


def _mask(shape, height, width):
    if shape.tag != 'mask':
        raise InputError('labels-shape', 'It has a shape of the kind %s.' % shape.tag, 'Draw it with the brush.')
    label = shape.get('label', '')
    try:
        box = MaskBox(*(int(shape.get(key, '')) for key in MaskBox._fields))
        runs = [int(run) for run in shape.get('rle', '').split(',')]
        return Shape(label, decode_box(runs, box, height, width))
    except InputError as error:
        raise InputError(error.code, 'The shape %.40s: %s' % (label, error.message.sentence), error.message.next_step)
    except ValueError as error:
        raise InputError('mask-cut', 'The shape %.40s: it has a mask whose numbers cannot be read.' % label,
                         'Export it again.', detail=repr(error)[:200])


# -- Segmentation mask 1.1


def read_masks(names: Sequence[str], read: Callable[[str], bytes], name: str) -> Tuple[str, Tuple[Answer, ...]]:
    """The tool and the frames of a "Segmentation mask 1.1": a colour picture of each frame, and what its colours mean.

    The list of colours is in the order of the alphabet, so that a position in it says nothing.

    Args:
        names: of the files in the zip.
        read: gives one of them.
        name: of the zip, for messages.

    Raises:
        InputError: ``labels-damaged``: the list of colours cannot be read.
    """
    colours: Dict[int, str] = {}
    for line in read('labelmap.txt').decode('utf-8', 'replace').splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        match = _COLOUR.fullmatch(line.strip())
        colour = _packed(*map(int, match.groups()[1:])) if match else -1
        if match is None or colour in colours or max(map(int, match.groups()[1:])) > 255:
            raise InputError('labels-damaged', 'labelmap.txt in %s cannot be read.' % name, 'Export it again.',
                             detail=line[:80])
        colours[colour] = match.group(1)
    stems = [entry[len(_FOLDER):-4] for entry in names if entry.startswith(_FOLDER) and entry.endswith('.png')]
    # The pictures are read now: the zip is closed when the shapes are asked for.
    contents = {stem: read('%s%s.png' % (_FOLDER, stem)) for stem in stems}
    return MASKS_TOOL, tuple(Answer(stem + '.png', _shapes_of_colours(contents[stem], colours)) for stem in stems)


def _shapes_of_colours(data, colours):
    def shapes(height: int, width: int) -> List[Shape]:
        # Before it is unpacked: width and height stand in the first chunk of a PNG.
        check_size((int.from_bytes(data[16:20], 'big'), int.from_bytes(data[20:24], 'big')), height, width)
        picture: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None or picture.shape != (height, width, 3):
            raise InputError('labels-damaged', 'Its mask is no PNG.', 'Export it again.')
        packed = _packed(*(picture[..., channel].astype(np.int32) for channel in (2, 1, 0)))
        found = np.unique(packed).tolist()
        if not set(found) <= set(colours):
            raise InputError('labels-colour', 'Its mask has a colour that labelmap.txt does not name.',
                             'Export it again.')
        return [Shape(colours[colour], packed == colour) for colour in found if colours[colour] != REGIONS[0]]
    return shapes


def _packed(red: Any, green: Any, blue: Any) -> Any:
    return (red << 16) | (green << 8) | blue
