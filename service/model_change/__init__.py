"""The change of the model: checked, tried, switched, and undone by itself where the new one does not work."""
from .change import Prepared, Record, Site, installed, prepare, spoken, tell
from .running import CHECKED, CHECKING, IDLE, REFUSED, SWITCHED, WAITING, Changing, State
from .selftest import cancelled
from .trial import PICTURES, STARTS, Trial, change_message

__all__ = ['CHECKED', 'CHECKING', 'Changing', 'IDLE', 'PICTURES', 'Prepared', 'REFUSED', 'Record', 'STARTS', 'SWITCHED',
           'Site', 'State', 'Trial', 'WAITING', 'cancelled', 'change_message', 'installed', 'prepare', 'spoken', 'tell']
