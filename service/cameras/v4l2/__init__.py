"""Video devices (V4L2): the seam, what is behind it, and the driver of the thermal cameras on top of it."""
from .seam import BUFFERS, Buffer, Capability, Chosen, Node, Offer, VideoDevice, VideoSystem

__all__ = ['BUFFERS', 'Buffer', 'Capability', 'Chosen', 'Node', 'Offer', 'VideoDevice', 'VideoSystem']
