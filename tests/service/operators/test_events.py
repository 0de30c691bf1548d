"""Every event of the audit log has a writer, and docs/protection.md says where: all of them, and no other."""
import re
from pathlib import Path

from service.operators import EVENTS

ROW = re.compile(r'^\| `([a-z-]+)` \| ([^|]+) \| ((?:`\S+\.py`(?:, )?)+) \|$', re.MULTILINE)

#: The same word for something else: a page, a count, a message.
OTHERS = {('login', 'web/login.py'), ('restored', 'backup/restore.py'), ('model-returned', 'model_change/trial.py'),
          ('locked', 'exams/guide.py'), ('confirmed', 'web/exam_forms.py')}


def test_every_event_has_the_writers_that_the_document_names(root):
    root = Path(str(root))
    rows = ROW.findall((root / 'docs' / 'protection.md').read_text(encoding='utf-8'))
    assert {(event, said) for event, said, _ in rows} == set(EVENTS.items()), 'rows of docs/protection.md'
    service = root / 'service'
    codes = {str(path.relative_to(service)): code_of(path) for path in service.rglob('*.py')}
    codes['../jetson/compile/cli.py'] = code_of(root / 'jetson' / 'compile' / 'cli.py')
    for event, _, writers in rows:
        found = {name for name, code in codes.items() if re.search('[\'"]%s[\'"]' % event, code)}
        assert {name for name in found if (event, name) not in OTHERS} == set(re.findall('`(.*?)`', writers)), event


def code_of(path):
    """Of the module that has the list, what is not the list."""
    return re.sub(r'EVENTS = \{.*?\n\}', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
