"""What a confound audit found, to stand beside a model's AUC."""
import json

from service.errors import InputError


def read_audit(path):
    """Controls and verdict of an ``audit.json`` as `thermoscreen audit` writes it.

    Args:
        path (Path): the file.

    Returns:
        dict: ``file``, ``data`` (what it was made on), ``controls`` (list of ``name`` and ``auc``, an estimate
        with ``value``, ``n`` and ``ci95``), ``verdict`` (one or more sentences).

    Raises:
        InputError: ``audit-unreadable``.
    """
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        return {'file': str(path), 'data': str(document['data']), 'verdict': str(document['verdict']),
                'controls': [_control(entry) for entry in document['controls']]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError('audit-unreadable', '%s is not the audit.json of `thermoscreen audit`; run that first and '
                         'name its file.' % path, repr(error))


def _control(entry):
    return {'name': str(entry['name']), 'auc': {'value': float(entry['auc']), 'n': int(entry['n']),
                                                'ci95': [float(end) for end in entry['ci95']]}}
