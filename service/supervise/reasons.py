"""Why the station is in safe mode, in the words that its page shows."""
from dataclasses import asdict, dataclass

_AGAIN = ('Press Try again. If this page comes back, switch the device off, wait ten seconds and switch it on. If it '
          'comes back after that too, call service and read out the code below.')


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        code (str): for the phone call.
        sentence (str): what happened.
        next_step (str): what the operator does about it.
    """

    code: str
    sentence: str
    next_step: str = _AGAIN

    @classmethod
    def of_error(cls, error):
        """The reason of a `ThermoscreenError` with which a start was given up; its sentence names the remedy."""
        return cls(error.code, error.message.text, 'When that is done, press Try again. If this page comes back, call '
                   'service and read out the code below.')

    def to_dict(self):
        """As JSON values."""
        return asdict(self)


UNFINISHED = Reason('start-unfinished', 'The station did not come up when it was last started.')
CRASH_LOOP = Reason('crash-loop', 'The station stopped by itself several times in a row.')
STOPPED = Reason('service-stopped', 'The station stopped by itself and was not started again.')
ASKED = Reason('safe-asked', 'The station was started in safe mode.', 'Press Try again to start it as usual.')
