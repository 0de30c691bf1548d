"""A backend is used once it has given the golden answer on this machine; one that has not is passed over."""
import logging
from dataclasses import dataclass

from .backends import Worker, plan
from .backends.choice import note
from .bundle import prove
from .bundle.variants import BASE
from .messages import ThermoscreenError

#: What is passed over for these reasons is simply not there, on most machines.
ABSENT = ('backend-provider', 'engine-missing', 'tensorrt-missing')

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proven:
    """A backend that runs and has given its golden answer.

    Attributes:
        worker (Worker): started.
        proof (dict): what `prove` measured.
        passed_over (tuple of dict): what was tried before it or not followed: ``candidate``, ``code``, ``message``.
    """

    worker: Worker
    proof: dict
    passed_over: tuple = ()


def start_proven(bundle, worker, variant=BASE):
    """Start a worker and prove it; it is stopped again where the answer is another one.

    Args:
        bundle (Bundle): an opened bundle.
        worker (Worker): not started.
        variant (str): the variant whose tolerances count.
    Returns:
        Proven: with the worker running.
    Raises:
        BackendError, BundleError: what starting or proving raised.
    """
    worker.start()
    try:
        return Proven(worker, prove(bundle, worker.infer, variant))
    except BaseException:
        worker.stop()
        raise


def start_first(bundle, runtime):
    """Start what is tried first for a bundle and proves itself.

    Args:
        bundle (Bundle): an opened bundle.
        runtime (Runtime): what is allowed.
    Returns:
        Proven: with what was passed over before it.
    Raises:
        BackendError, BundleError: what the last one raised, where none is left.
    """
    offered, notes = plan(bundle, runtime)
    for known in notes:
        _say(known)
    for candidate in offered:
        try:
            proven = start_proven(bundle, Worker(candidate.make, start_timeout_s=candidate.start_s), candidate.variant)
        except ThermoscreenError as error:
            if candidate is offered[-1]:
                raise
            # Kept as text: the error would keep the backend that failed, and its memory, while the next one loads.
            notes.append(note(candidate.name, error.code, error.message.text))
            _say(notes[-1])
            continue
        return Proven(proven.worker, proven.proof, tuple(notes))


def noteworthy(passed_over):
    """What was passed over though it is there, such as an engine that does not fit: what a person may act on."""
    return [known for known in passed_over if known['code'] not in ABSENT]


def _say(known):
    level = logging.WARNING if noteworthy([known]) else logging.DEBUG
    _log.log(level, '%(candidate)s was passed over: %(message)s [%(code)s]', known)
