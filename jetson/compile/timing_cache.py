"""TensorRT's timing cache: what it measured once need not be measured again."""
import os
import re

from service.durable import atomic_write
from service.messages import ThermoscreenError

#: Larger than any that a network of this size leaves; a file beyond it is not one.
_MAX_BYTES = 64 << 20


def default_path(folder, facts):
    """Where the cache of this machine lies: timings of another device or release give wrong choices.

    Args:
        folder (str): the engine store's.
        facts (dict): `service.engines.machine_facts`.
    """
    name = 'timing-%s-sm%s-trt%s.cache' % (facts['board'], facts['sm'], facts['tensorrt'])
    return os.path.join(folder, re.sub(r'[^A-Za-z0-9._-]+', '_', name))


class TimingCache:
    """The cache of one build. It only saves time: nothing that is wrong with it stops a build.

    Args:
        path (str): its file.
        say (callable): called with a sentence where the file cannot be used or kept.
    """

    def __init__(self, path, say):
        self.path = path
        self._say = say

    def attach(self, config):
        """Give the builder config (`tensorrt.IBuilderConfig`) the kept timings, or an empty cache."""
        data = self._read()
        cache = config.create_timing_cache(data)
        # The mismatch that must not be ignored is one of the device: its timings would choose wrong kernels.
        if (cache is None or not config.set_timing_cache(cache, False)) and data:
            self._say('The timing cache %s is of another device or TensorRT; everything is timed anew.' % self.path)
            cache = config.create_timing_cache(b'')
            if cache is not None:
                config.set_timing_cache(cache, False)

    def keep(self, config):
        """Write what the build has timed."""
        cache = config.get_timing_cache()
        if cache is None:
            return
        try:
            atomic_write(self.path, bytes(cache.serialize()))
        except ThermoscreenError as error:
            self._say('The timings were not kept: %s' % error.message.text)

    def _read(self):
        try:
            with open(self.path, 'rb') as stream:
                data = stream.read(_MAX_BYTES + 1)
        except OSError:
            return b''
        return data if len(data) <= _MAX_BYTES else b''
