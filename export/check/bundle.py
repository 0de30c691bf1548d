"""Every variant of a bundle against one target."""
from .model import check_model


def check_bundle(bundle, target):
    """What stands between a bundle and a target, for each of its variants.

    A bundle suits a target when one of its variants does: the board takes that one. An int8-qdq variant, for
    example, is refused on a Nano, and the others are what the Nano takes.

    Args:
        bundle (service.bundle.Bundle): opened.
        target (export.targets.Target): what it shall run on.

    Returns:
        dict: variant name, ``'fp32'`` first, to list of `Violation`, see `check_model`.

    Raises:
        BundleError: a file that changed since it was opened.
        InputError: ``onnx-unreadable``.
    """
    return {name: check_model(bundle.read_model(name), target, variant.file)
            for name, variant in bundle.variants.items()}
