"""A report folder appears whole or not at all."""
import pytest

from models.reports import check_folder, whole_folder
from service.messages import InputError, StorageError


def fill(path, word='new', **options):
    with whole_folder(path, 'report.json', **options) as folder:
        (folder / 'report.json').write_text(word)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_at_the_end(tmp_path):
    out = tmp_path / 'deep' / 'out'
    with whole_folder(out, 'report.json') as folder:
        (folder / 'report.json').write_text('new')
        assert not out.exists()
    assert (out / 'report.json').read_text() == 'new' and names(out.parent) == ['out']


def test_an_earlier_report_is_replaced_as_a_whole(tmp_path):
    out = tmp_path / 'out'
    fill(out, 'old')
    (out / 'old.png').write_text('')
    fill(out)
    assert names(out) == ['report.json'] and (out / 'report.json').read_text() == 'new'


def test_a_failure_leaves_everything_as_it_was(tmp_path):
    out = tmp_path / 'out'
    fill(out, 'old')
    with pytest.raises(KeyError), whole_folder(out, 'report.json') as folder:
        (folder / 'report.json').write_text('half')
        raise KeyError
    assert (out / 'report.json').read_text() == 'old' and names(tmp_path) == ['out']


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / 'thesis.txt').write_text('')
    with pytest.raises(InputError, match='--force') as caught:
        check_folder(tmp_path, 'report.json')
    assert caught.value.code == 'out-not-empty'
    (tmp_path / 'empty').mkdir()
    fill(tmp_path / 'empty')
    with pytest.raises(InputError, match='is a file'):
        check_folder(tmp_path / 'thesis.txt', 'report.json')


def test_force(tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'thesis.txt').write_text('')
    fill(out, force=True)
    assert names(out) == ['report.json']


def test_where_nothing_can_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StorageError):
        fill(tmp_path / 'file' / 'out')
