"""Networks whose time on a Jetson Nano somebody published, rebuilt in PyTorch; run by hand, never by `preflight`."""
from .subjects import Subject, subjects

__all__ = ['Subject', 'subjects']
