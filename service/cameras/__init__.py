"""Cameras: whatever gives one thermogram after another.

To add a camera, write a `Camera` in a file of its own with a `from_spec`, and name it in
`registry.KINDS`.
"""
from .aravis import AravisCamera
from .base import Camera, Frame
from .registry import KINDS, make_camera, open_camera
from .replay import ReplayCamera
from .simulated import SimulatedCamera
from .usb import RecordedCameraOverUsb, SimulatedCameraOverUsb, UsbCamera, VideoNodeCamera

__all__ = ['AravisCamera', 'Camera', 'Frame', 'KINDS', 'RecordedCameraOverUsb', 'ReplayCamera', 'SimulatedCamera',
           'SimulatedCameraOverUsb', 'UsbCamera', 'VideoNodeCamera', 'make_camera', 'open_camera']
