"""Every event of the audit log has a writer, and docs/protection.md says where."""
import re
from pathlib import Path

from service.operators import EVENTS

#: Those of a change of the model are told by the module that changes it, and its own tests.
ELSEWHERE = 'model-'

ROW = re.compile(r'^\| `([a-z-]+)` \| ([^|]+) \| `(\S+\.py)`', re.MULTILINE)


def test_every_event_has_the_writer_that_the_document_names(root):
    service = Path(str(root)) / 'service'
    rows = ROW.findall((Path(str(root)) / 'docs' / 'protection.md').read_text(encoding='utf-8'))
    lacking = ['| `%s` | %s | `WRITER.py` |' % (event, said) for event, said in EVENTS.items()
               if not event.startswith(ELSEWHERE) and (event, said) not in [row[:2] for row in rows]]
    assert not lacking, 'rows for "What the audit log is told" of docs/protection.md'
    assert {event for event, _, _ in rows} <= set(EVENTS), 'it has a row of no event'
    silent = [event for event, _, path in rows if not re.search('[\'"]%s[\'"]' % event, code_of(service / path))]
    assert not silent, 'written by nobody'


def code_of(path):
    """Of the module that has the list, what is not the list."""
    return re.sub(r'EVENTS = \{.*?\n\}', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
