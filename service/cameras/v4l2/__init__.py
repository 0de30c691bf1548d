"""Video devices (V4L2) and the driver of the USB thermal cameras.

`interface` is what the driver needs; three implementations stand behind it: the kernel (`linux`, which has not run on a
camera yet), simulated cameras that fail as real ones do (`simulated`), and recordings (`recorded`). To add a camera,
add its wire format; what it has to be told goes into `commands`.
"""
from .camera import RecordedCameraOverUsb, SimulatedCameraOverUsb, UsbCamera, V4l2Camera, VideoNodeCamera
from .interface import BUFFERS, Buffer, Capability, Chosen, Node, Offer, VideoDevice, VideoSystem
from .linux import LinuxVideoSystem
from .recorded import RecordedVideoSystem
from .selection import Choice, ListedCamera, formats_of, list_cameras
from .simulated import FAULTS, SimulatedUsbCamera, SimulatedVideoSystem

__all__ = ['BUFFERS', 'Buffer', 'Capability', 'Choice', 'Chosen', 'FAULTS', 'LinuxVideoSystem', 'ListedCamera', 'Node',
           'Offer', 'RecordedCameraOverUsb', 'RecordedVideoSystem', 'SimulatedCameraOverUsb', 'SimulatedUsbCamera',
           'SimulatedVideoSystem', 'UsbCamera', 'V4l2Camera', 'VideoDevice', 'VideoNodeCamera', 'VideoSystem',
           'formats_of', 'list_cameras']
