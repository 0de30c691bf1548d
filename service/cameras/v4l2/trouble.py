"""What the kernel's error numbers mean for an operator."""
import errno

from ...messages import CameraError

_GONE = (errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESHUTDOWN, errno.EBADF)
_DAMAGED = (errno.EIO, errno.EPROTO, errno.EPIPE, errno.EILSEQ, errno.EOVERFLOW)


def trouble(error, name, path, opening=False):
    """The `CameraError` of an `OSError`.

    Args:
        error (OSError): as the kernel or a simulated device raised it.
        name (str): of the camera, for the sentence.
        path (str): of its node.
        opening (bool): whether the camera is not running yet.
    Returns:
        CameraError: ``camera-missing``, ``camera-gone``, ``camera-permission``, ``camera-busy``, ``camera-usb-full``,
        ``camera-bad-frame`` or ``camera-failed``.
    """
    number = error.errno
    detail = '%s: %s' % (path, error)
    if number in _GONE:
        if opening:
            return CameraError('camera-missing', 'The %s is not plugged in; plug it in.' % name, detail=detail)
        return CameraError('camera-gone', 'The %s is gone; plug it in again.' % name, detail=detail)
    if number in (errno.EACCES, errno.EPERM):
        return CameraError('camera-permission', 'This user may not use the %s at %s; run "sudo usermod -aG video '
                           '$USER" and log in again.' % (name, path), detail=detail)
    if number == errno.EBUSY:
        return CameraError('camera-busy', 'Another program uses the %s; close that program.' % name, detail=detail)
    if number == errno.ENOSPC:
        return CameraError('camera-usb-full', 'The USB bus has no room for the %s; plug it into a port of its own and '
                           'not into a hub.' % name, detail=detail)
    if number in _DAMAGED:
        return CameraError('camera-bad-frame', 'The %s sent damaged data; check its cable, without a hub.' % name,
                           detail=detail)
    return CameraError('camera-failed', 'The %s does not work as a camera should; unplug it and plug it in again.'
                       % name, detail=detail)
