"""The conditions of a measurement: without them a figure means nothing."""
import os
import platform as python_platform
import sys
from datetime import datetime, timezone

import cv2
import numpy as np

from service import __version__
from service.machine import NONE, read_text
from service.selection import machine_key

from .process import load_average

_CPU_FREQ = 'sys/devices/system/cpu/cpu0/cpufreq/'


def utc_now():
    """Now, as records state it."""
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def environment(platform, settings, root='/'):
    """What a machine is and what runs on it, before anything is measured.

    Args:
        platform (Platform): the machine.
        settings (Settings): what is in force.
        root (str): folder that stands for ``/``.
    Returns:
        dict: ``machine`` (a sentence that says whose figures these are), ``is_jetson``, ``kind`` (real, simulated,
        recorded), ``board``, ``sm``, ``l4t``, ``jetpack``, ``power_mode``, ``processor``, ``cores``,
        ``cores_allowed``, ``memory_bytes``, ``governor``, ``clocks_held``, ``gpu_cap_mhz``, ``cpu_cap_mhz``,
        ``kernel``, ``architecture``, ``versions``, ``threads``, ``load_average``, ``command``. What the machine does
        not tell is left out.
    """
    facts, reading = platform.facts(), platform.telemetry()
    cpu = [clock.cap_mhz for _, clock in sorted(reading.cpu_clocks.items()) if clock.cap_mhz is not None]
    found = {
        'machine': machine_words(platform, facts), 'is_jetson': platform.is_jetson, 'kind': platform.kind,
        'board': facts['board'], 'sm': facts['sm'], 'l4t': facts['l4t'], 'jetpack': facts['jetpack'],
        'power_mode': facts['power_mode'], 'processor': _processor(root), 'cores': os.cpu_count(),
        'cores_allowed': len(os.sched_getaffinity(0)),
        'memory_bytes': reading.memory.total_bytes if reading.memory else None,
        'governor': read_text(root, _CPU_FREQ + 'scaling_governor'), 'clocks_held': reading.clocks_held,
        'cpu_cap_mhz': max(cpu, default=None), 'gpu_cap_mhz': reading.gpu_clock.cap_mhz if reading.gpu_clock else None,
        'kernel': python_platform.release(), 'architecture': python_platform.machine(),
        'versions': versions(facts), 'threads': settings.threads or len(os.sched_getaffinity(0)),
        'load_average': load_average(), 'command': ' '.join(['thermoscreen'] + sys.argv[1:]),
    }
    return {name: value for name, value in found.items() if value is not None}


def machine_words(platform, facts):
    """A sentence that says whose figures these are: never another machine's."""
    if platform.kind != 'real':
        return 'Conditions of a %s board; the times are those of the computer that ran the program.' % platform.kind
    if not platform.is_jetson:
        return 'Measured on this PC (%s), which is no Jetson; a Jetson\'s figures are others.' % facts['board']
    mode = facts['power_mode']
    return 'Measured on %s, power mode %s.' % (facts['board'], mode if mode != NONE else 'unknown')


def versions(facts):
    """Versions of what a frame passes through, by name; TensorRT and ONNX Runtime where they are installed."""
    found = {'thermoscreen': __version__, 'python': python_platform.python_version(), 'numpy': np.__version__,
             'opencv': cv2.__version__, 'onnxruntime': machine_key()['onnxruntime'], 'tensorrt': facts['tensorrt']}
    return {name: version for name, version in found.items() if version}


def _processor(root):
    """The processor's name; boards have none in this file but their kind of core."""
    lines = (read_text(root, 'proc/cpuinfo') or '').splitlines()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith(('model name', 'Hardware'))]
    return names[0] if names else python_platform.processor() or None
