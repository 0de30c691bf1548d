"""Every check is offered to the doctor, and the doctor takes them."""
import configparser
import importlib

import pytest

from service import doctor
from service.doctor import examine
from service.messages import Message
from service.settings import Settings


@pytest.fixture
def offered(root):
    setup = configparser.ConfigParser()
    setup.read(str(root / 'setup.cfg'))
    return dict(line.split(' = ') for line in
                setup['options.entry_points']['thermoscreen.checks'].strip().splitlines())


def test_every_file_is_offered(root, offered):
    files = {path.stem for path in (root / 'jetson' / 'checks').glob('*.py')} - {'__init__'}
    assert {'jetson.checks.%s:check' % name for name in files} == set(offered.values())


def test_doctor_asks_them_on_this_machine(monkeypatch, offered):
    monkeypatch.setattr(doctor, 'CHECKS', ())
    monkeypatch.setattr(doctor, 'offered', lambda group: offered)
    reports = examine(Settings())
    assert {'clock', 'memory'} <= {report.subject for report in reports}
    assert not [report for report in reports if report.code == 'check-failed']
    for target in offered.values():
        module, _, name = target.partition(':')
        answer = getattr(importlib.import_module(module), name)(Settings())
        assert answer is None or isinstance(answer, Message)
