"""The kernel's structures and numbers: byte for byte what a C compiler makes of its headers."""
import ctypes
import os
import shutil
import subprocess

import pytest

from service.cameras.v4l2 import layouts

from . import fake_kernel

#: C name, ours, size in bytes, offsets of fields under their C names, as printed by gcc on x86-64.
STRUCTURES = [
    ('v4l2_capability', layouts.Capability, 104, {'capabilities': ('capabilities', 84)}),
    ('v4l2_fmtdesc', layouts.FormatDescription, 64, {'pixelformat': ('pixelformat', 44)}),
    ('v4l2_frmsizeenum', layouts.FrameSize, 44, {'type': ('type', 8)}),
    ('v4l2_frmivalenum', layouts.FrameInterval, 52, {'discrete': ('interval', 20), 'width': ('width', 8)}),
    ('v4l2_format', layouts.Format, 208, {'fmt': ('width', 8)}),
    ('v4l2_requestbuffers', layouts.RequestBuffers, 20, {'memory': ('memory', 8)}),
    ('v4l2_buffer', layouts.Buffer, 88, {'timestamp': ('seconds', 24), 'timecode': ('timecode', 40),
                                         'sequence': ('sequence', 56), 'memory': ('memory', 60), 'm': ('offset', 64),
                                         'length': ('length', 72)}),
    ('v4l2_streamparm', layouts.StreamParameters, 204, {'parm': ('capability', 4)}),
    ('v4l2_control', layouts.Control, 8, {'value': ('value', 4)}),
    ('uvc_xu_control_query', layouts.ExtensionQuery, 16, {'size': ('size', 4), 'data': ('data', 8)}),
    ('usbdevfs_bulktransfer', layouts.UsbBulk, 24, {'timeout': ('timeout_ms', 8), 'data': ('data', 16)}),
    ('usbdevfs_setinterface', layouts.UsbInterface, 8, {'altsetting': ('setting', 4)}),
    ('usbdevfs_ctrltransfer', layouts.UsbControl, 24, {'timeout': ('timeout_ms', 8), 'data': ('data', 16)}),
]
#: C name and ours of every request.
NOT_V4L2 = {'USB_CONTROL': 'USBDEVFS_CONTROL', 'USB_BULK': 'USBDEVFS_BULK', 'SET_INTERFACE': 'USBDEVFS_SETINTERFACE',
            'CLAIM_INTERFACE': 'USBDEVFS_CLAIMINTERFACE', 'RELEASE_INTERFACE': 'USBDEVFS_RELEASEINTERFACE',
            'UVC_CTRL_QUERY': 'UVCIOC_CTRL_QUERY'}
REQUESTS = {name: NOT_V4L2.get(name, 'VIDIOC_' + name)
            for name in ('QUERYCAP', 'ENUM_FMT', 'S_FMT', 'REQBUFS', 'QUERYBUF', 'QBUF', 'DQBUF', 'STREAMON',
                         'STREAMOFF', 'S_PARM', 'S_CTRL', 'ENUM_FRAMESIZES', 'ENUM_FRAMEINTERVALS',
                         'UVC_CTRL_QUERY', 'USB_CONTROL', 'USB_BULK', 'SET_INTERFACE', 'CLAIM_INTERFACE',
                         'RELEASE_INTERFACE')}
CONSTANTS = {'V4L2_BUF_TYPE_VIDEO_CAPTURE': layouts.CAPTURE, 'V4L2_MEMORY_MMAP': layouts.MMAP,
             'V4L2_CAP_VIDEO_CAPTURE': layouts.CAP_VIDEO_CAPTURE, 'V4L2_CAP_STREAMING': layouts.CAP_STREAMING,
             'V4L2_CAP_DEVICE_CAPS': layouts.CAP_DEVICE_CAPS, 'V4L2_BUF_FLAG_ERROR': layouts.FLAG_ERROR,
             'V4L2_BUF_FLAG_TIMESTAMP_MASK': layouts.FLAG_CLOCK_MASK,
             'V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC': layouts.FLAG_CLOCK_MONOTONIC,
             'V4L2_FRMSIZE_TYPE_DISCRETE': layouts.DISCRETE, 'V4L2_FRMSIZE_TYPE_CONTINUOUS': layouts.CONTINUOUS,
             'V4L2_FRMSIZE_TYPE_STEPWISE': layouts.STEPWISE, 'V4L2_CID_ZOOM_ABSOLUTE': layouts.ZOOM_ABSOLUTE}


@pytest.mark.parametrize('_, structure, size, fields', STRUCTURES, ids=lambda value: getattr(value, '__name__', ''))
def test_structures(_, structure, size, fields):
    assert ctypes.sizeof(structure) == size
    assert all(getattr(structure, ours).offset == offset for ours, offset in fields.values())


@pytest.mark.parametrize('name', sorted(REQUESTS))
def test_request_numbers(name):
    assert getattr(layouts, name) == getattr(fake_kernel, name)


def test_what_is_written_here_is_what_a_compiler_says(tmp_path):
    headers = ['/usr/include/linux/%s.h' % name for name in ('videodev2', 'uvcvideo', 'usbdevice_fs')]
    if shutil.which('cc') is None or not all(os.path.exists(header) for header in headers):
        pytest.skip('no C compiler or no kernel headers here')
    lines = ['S(%s)' % name for name, _, _, _ in STRUCTURES]
    lines += ['O(%s,%s)' % (name, field) for name, _, _, fields in STRUCTURES for field in fields]
    lines += ['N(%s)' % name for name in list(REQUESTS.values()) + list(CONSTANTS)]
    source = tmp_path / 'layouts.c'
    source.write_text('#include <stdio.h>\n#include <stddef.h>\n#include <linux/videodev2.h>\n'
                      '#include <linux/uvcvideo.h>\n#include <linux/usbdevice_fs.h>\n'
                      '#define S(t) printf("%zu\\n", sizeof(struct t));\n'
                      '#define O(t, f) printf("%zu\\n", offsetof(struct t, f));\n'
                      '#define N(n) printf("%lu\\n", (unsigned long)(unsigned)(n));\n'
                      'int main(void) { ' + ' '.join(lines) + ' return 0; }\n')
    subprocess.check_call(['cc', str(source), '-o', str(tmp_path / 'layouts')])
    said = [int(line) for line in subprocess.check_output([str(tmp_path / 'layouts')]).split()]
    ours = [size for _, _, size, _ in STRUCTURES]
    ours += [offset for _, _, _, fields in STRUCTURES for _, offset in fields.values()]
    ours += [getattr(layouts, name) for name in REQUESTS] + list(CONSTANTS.values())
    assert said == ours


@pytest.mark.parametrize('fourcc, code', [('Y16 ', 0x20363159), ('YUYV', 0x56595559)])
def test_four_characters(fourcc, code):
    assert layouts.code_of(fourcc) == code and layouts.fourcc_of(code) == fourcc


def test_an_unprintable_fourcc():
    assert layouts.fourcc_of(0x00FF0A41) == 'A???'
