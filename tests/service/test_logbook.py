"""The logbook keeps what the program says, and nothing that is filled into it."""
import ast
import logging
from pathlib import Path

import pytest

from service.logbook import Logbook, module_of
from service.messages import InputError


@pytest.fixture
def logged():
    """Log through a logger of this name; the record that is kept."""
    def call(name, *args, **words):
        logger, book = logging.getLogger(name), Logbook(2)
        logger.propagate = False
        logger.addHandler(book)
        try:
            for _ in range(3):
                logger.warning(*args, **words)
        finally:
            logger.removeHandler(book)
            logger.propagate = True
        first, last = book.records()
        return last
    return call


def test_a_record_has_the_words_of_the_program_and_the_codes_of_errors(logged):
    entry = logged('service.x', 'about %s: %s', InputError('file-cut', 'Ann.csv is cut.'), 'Ann')
    assert entry.pop('utc').endswith('Z')
    assert entry == {'level': 'WARNING', 'logger': 'service.x', 'words': 'about %s: %s', 'codes': ['file-cut']}


def test_what_others_say_is_not_kept(logged):
    assert 'words' not in logged('waitress', 'Exception while serving /open?path=Ann.csv')


def test_an_exception_is_told_by_its_kind_and_its_place(logged):
    try:
        raise ValueError('Ann')
    except ValueError:
        entry = logged('service.x', 'unexpected', exc_info=True)
    assert entry['exception'] == 'ValueError' and 'Ann' not in str(entry)
    assert entry['frames'] == ['service/test_logbook.py:%d test_an_exception_is_told_by_its_kind_and_its_place'
                               % (test_an_exception_is_told_by_its_kind_and_its_place.__code__.co_firstlineno + 2)]
    assert module_of('/opt/t/lib/python3.6/site-packages/service/web/app.py') == 'service/web/app.py'
    assert module_of('/usr/lib/x/flask/app.py') == 'app.py'


def is_text(node):
    try:
        return isinstance(ast.literal_eval(node), str)
    except ValueError:
        return False


def test_every_log_line_of_the_program_has_words_of_its_own(root):
    """Then nothing that is filled in is in `LogRecord.msg`, which the logbook keeps."""
    levels = {'debug', 'info', 'warning', 'error', 'critical', 'exception', 'log'}
    found, filled = 0, []
    for package in ('service', 'jetson', 'calibration'):
        for path in sorted(Path(str(root), package).rglob('*.py')):
            text = path.read_text(encoding='utf-8')
            for node in ast.walk(ast.parse(text)) if 'getLogger' in text else ():
                if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels
                        and isinstance(node.func.value, ast.Name) and node.func.value.id in ('_log', '_LOGGER')):
                    found += 1
                    if not is_text(node.args[node.func.attr == 'log']):
                        filled.append('%s:%d' % (path, node.lineno))
    assert found > 20 and filled == []
