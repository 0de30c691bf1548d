"""Starting a backend: it is used once it has given the bundle's golden answer on this machine."""
import functools
import logging
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Tuple

from ..backends import Worker
from ..bundle import BASE, Bundle, prove
from ..messages import INFO, WARNING, Message, ThermoscreenError
from .candidates import Runtime, proof_variant
from .choice import plan

#: Codes of candidates that this machine simply does not have, as most machines do not.
ABSENT = ('backend-provider', 'engine-missing', 'tensorrt-missing')

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proven:
    """A backend that runs and has given its golden answer.

    Attributes:
        worker: started.
        proof: what `prove` measured.
        passed_over: what was tried before it or not followed, by subject; INFO where it is merely absent.
    """

    worker: Worker
    proof: Dict[str, Any]
    passed_over: Tuple[Message, ...] = ()


def start_proven(bundle: Bundle, worker: Worker, variant: str = BASE) -> Proven:
    """Start a worker and run the golden pair of every network on it; it is stopped again where an answer differs.

    Args:
        variant: the variant whose golden tolerances count.
    Raises:
        BackendError, BundleError: what starting or proving raised.
    """
    worker.start()
    try:
        proof = prove(bundle, worker.infer, variant)
        if bundle.classifier is not None:
            precision = worker.describe()['classifier']['precision']
            proof.update(prove(bundle.classifier, functools.partial(worker.infer, classifier=True),
                               proof_variant(bundle.classifier, precision)))
        return Proven(worker, proof)
    except BaseException:
        worker.stop()
        raise


def start_first(bundle: Bundle, runtime: Runtime) -> Proven:
    """Start the first candidate of the `plan` that gives the golden answer.

    Raises:
        BackendError, BundleError: what the last candidate raised, where none starts.
    """
    candidates, passed_over = plan(bundle, runtime)
    for message in passed_over:
        _report(message)
    for candidate in candidates:
        worker = candidate.worker()
        try:
            proven = start_proven(bundle, worker, candidate.variant)
        except ThermoscreenError as error:
            if candidate is candidates[-1]:
                raise
            # The error itself would keep the failed backend, and its memory, while the next one is loaded.
            passed_over.append(failure(candidate.name, error))
            _report(passed_over[-1])
            continue
        return Proven(proven.worker, proven.proof, tuple(passed_over))
    raise AssertionError('a plan has at least one candidate')


def failure(candidate: str, error: ThermoscreenError) -> Message:
    """Why a candidate is not used, as a message about it."""
    return Message(error.code, error.message.sentence, error.message.next_step,
                   severity=INFO if error.code in ABSENT else WARNING, subject=candidate)


def noteworthy(passed_over: Iterable[Message]) -> List[Message]:
    """Those that are here but do not work, such as an engine that does not fit: somebody can act on them."""
    return [message for message in passed_over if message.severity != INFO]


def _report(message: Message) -> None:
    level = logging.DEBUG if message.severity == INFO else logging.WARNING
    _log.log(level, '%s was passed over: %s [%s]', message.subject, message.text, message.code)
