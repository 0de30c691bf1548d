"""From a bundle and a precision to the engine of this machine."""
from ..messages import BackendError
from .facts import machine_facts
from .key import EngineKey


def proof_variant(bundle, precision):
    """Name of the variant whose golden tolerances an engine of a precision must keep.

    An FP16 engine is compiled from the FP32 file where TensorRT lowers it itself, so what may differ is
    what the exporter measured for that precision, not for that file.

    Args:
        bundle (Bundle): an opened bundle.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``.
    Returns:
        str: a variant of that precision that answers by itself, else one that gives logits, else ``'fp32'``.
    """
    fitting = [variant for variant in bundle.variants.values() if variant.precision == precision]
    answering = [variant for variant in fitting if variant.answers]
    return (answering or fitting or [bundle.variants['fp32']])[0].name


def find_engine(store, bundle, precision, facts=None):
    """The proven engine of a bundle for this machine, whichever variant of the bundle it was compiled from.

    Args:
        store (EngineStore): where to look.
        bundle (Bundle): an opened bundle.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``.
        facts (dict): `machine_facts`, where they are known already.
    Returns:
        StoredEngine: ``record['variant']`` is the variant it came from, ``record['proof_variant']`` the one
        whose tolerances `prove` must use.
    Raises:
        BackendError: the most telling refusal of `EngineStore.find`.
    """
    facts = facts or machine_facts()
    refusals = []
    for name in bundle.variants:
        key = EngineKey(bundle.sha256(name), precision=precision, flags=None, **facts)
        try:
            return store.find(key, bundle.manifest.identity['id'])
        except BackendError as error:
            refusals.append(error)
    raise _most_telling(refusals)


def _most_telling(refusals):
    order = ('engine-tampered', 'engine-unreadable', 'engine-foreign', 'engine-stale', 'engine-missing')
    # Of two that say the same, the shorter one names fewer differences.
    return min(refusals, key=lambda error: (order.index(error.code), len(error.message.text)))
