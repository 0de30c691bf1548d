"""Every check is offered to the doctor, and works with it."""
import configparser
import importlib
import re

import pytest

from service import doctor
from service.doctor import examine
from service.messages import Message
from service.plugins import metadata
from service.settings import Settings


@pytest.fixture
def offered(root):
    setup = configparser.ConfigParser()
    setup.read(str(root / 'setup.cfg'))
    return dict(line.split(' = ') for line in
                setup['options.entry_points']['thermoscreen.checks'].strip().splitlines())


def test_every_check_is_offered(root, offered):
    checks = {'jetson.checks.%s:%s' % (path.stem, name) for path in (root / 'jetson' / 'checks').glob('*.py')
              for name in re.findall(r'^def (check_\w+)', path.read_text(encoding='utf-8'), re.MULTILINE)}
    assert checks == set(offered.values()) and len(checks) == 11


def test_the_doctor_runs_them_on_this_machine(monkeypatch, offered):
    monkeypatch.setattr(doctor, 'CHECKS', ())
    monkeypatch.setattr(doctor, 'plugins', lambda group: [metadata.EntryPoint(name, target, group)
                                                          for name, target in offered.items()])
    reports = examine(Settings())
    assert {'clock', 'memory'} <= {report.subject for report in reports}
    assert not [report for report in reports if report.code == 'check-failed']
    for target in offered.values():
        module, _, name = target.partition(':')
        answer = getattr(importlib.import_module(module), name)(Settings())
        assert answer is None or isinstance(answer, Message)
