"""An audit.json is read, and anything else is refused in one line."""
import json

import pytest

from models.evaluation.document import read_audit
from service.messages import InputError

ROW = {'name': 'background', 'what': 'the wall', 'n': 75, 'auc': 0.843, 'auc_ci95': [0.7, 0.9], 'note': ''}
DOCUMENT = {'kind': 'confound-audit', 'data': 'dmr: 75 patients', 'collection': {'patients': 75}, 'warnings': [],
            'models': [dict(ROW, name='skin', auc=None, auc_ci95=None, note='constant: nothing to learn')],
            'controls': [ROW], 'verdict': 'No evidence.', 'verdicts': [{'model': 'skin', 'code': 'explained'}]}


def test_it_is_read(tmp_path):
    path = tmp_path / 'audit.json'
    path.write_text(json.dumps(DOCUMENT))
    audit = read_audit(path)
    assert audit['controls'] == [{'name': 'background', 'note': '', 'auc': {'value': 0.843, 'n': 75,
                                                                            'ci95': [0.7, 0.9]}}]
    assert audit['models'][0]['auc']['value'] is None and audit['patients'] == 75
    assert audit['code'] == 'explained'


@pytest.mark.parametrize('text', ['', '[]', '{"kind": "confound-audit"}', json.dumps(dict(DOCUMENT, kind='other')),
                                  json.dumps(dict(DOCUMENT, controls=[{}]))])
def test_anything_else_is_refused(tmp_path, text):
    path = tmp_path / 'audit.json'
    path.write_text(text)
    for wrong in (path, tmp_path / 'absent.json', tmp_path):
        with pytest.raises(InputError) as caught:
            read_audit(wrong)
        assert caught.value.code == 'audit-unreadable' and '\n' not in caught.value.message.text
