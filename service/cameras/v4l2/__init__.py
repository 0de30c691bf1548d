"""Video devices (V4L2) and the driver of the thermal cameras on top of them.

`seam` is what the driver needs; behind it stand the kernel (`linux`, which has not run on a camera yet), simulated
cameras that fail as real ones do, and recordings. To add a camera, add its wire format; what it has to be told goes
into `commands`.
"""
from .camera import V4l2Camera
from .linux import LinuxVideoSystem
from .listing import Found, list_cameras
from .recorded import RecordedVideoSystem
from .seam import BUFFERS, Buffer, Capability, Chosen, Node, Offer, VideoDevice, VideoSystem
from .selection import Choice, formats_of
from .simulated import FAULTS, SimulatedUsbCamera, SimulatedVideoSystem

__all__ = ['BUFFERS', 'Buffer', 'Capability', 'Choice', 'Chosen', 'FAULTS', 'Found', 'LinuxVideoSystem', 'Node',
           'Offer', 'RecordedVideoSystem', 'SimulatedUsbCamera', 'SimulatedVideoSystem', 'V4l2Camera', 'VideoDevice',
           'VideoSystem', 'formats_of', 'list_cameras']
