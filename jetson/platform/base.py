"""What stands between the program and the machine it runs on."""
import abc

from service.machine import NONE


class Platform(abc.ABC):
    """A machine that says what it is and how it is.

    Implementations: the real machine, a simulated board, and a recording.
    """

    #: Word for reports: ``'real'``, ``'simulated'`` or ``'recorded'``. A figure of one is never shown as another's.
    kind = ''

    @abc.abstractmethod
    def facts(self):
        """What the machine is.

        Returns:
            dict: ``board``, ``sm``, ``l4t``, ``jetpack``, ``power_mode`` as `service.machine.board_facts`, and
            ``tensorrt`` (str or None).
        """

    @abc.abstractmethod
    def telemetry(self):
        """How the machine is now.

        Returns:
            Telemetry: sensors that are missing are absent.
        """

    @property
    def is_jetson(self):
        """Whether the machine is a Jetson; one of an unknown release is one too."""
        return self.facts()['l4t'] != NONE

    @property
    def has_closed_rails(self):
        """Whether there are power rails that only root may read."""
        return False

    def close(self):
        """Let go what is held; may be called twice. Most hold nothing."""
        return None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()
