"""What a confound audit found, to stand beside a model's AUC."""
import json

from service.messages import InputError

#: How an audit names itself.
_KIND = 'confound-audit'


def read_audit(path):
    """Controls and verdict of an ``audit.json`` as ``thermoscreen audit`` writes it.

    Args:
        path (Path): the file.

    Returns:
        dict: ``file``, ``data`` (what it was made on, in words), ``patients``, ``models`` and ``controls`` (lists of
        ``name``, ``note`` and ``auc``, an estimate with ``value``, ``n`` and ``ci95``; the value is None where
        there was nothing to learn), ``verdict`` (sentences on the audit's own models), ``warnings``.

    Raises:
        InputError: ``audit-unreadable``.
    """
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        if document['kind'] != _KIND:
            raise ValueError(document['kind'])
        return {'file': str(path), 'data': document['data'], 'patients': int(document['collection']['patients']),
                'models': [_row(row) for row in document['models']],
                'controls': [_row(row) for row in document['controls']],
                'verdict': document['verdict'], 'warnings': list(document['warnings'])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError('audit-unreadable', '%s is not the audit.json of thermoscreen audit; run that first and '
                         'name its file.' % path, detail=repr(error))


def _row(row):
    return {'name': row['name'], 'note': row['note'], 'auc': {'value': row['auc'], 'n': int(row['n']),
                                                              'ci95': row['auc_ci95']}}
