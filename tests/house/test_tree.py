"""What holds for every file: words, references, READMEs, where tests lie, what the page may ask for."""
import re
import subprocess
from pathlib import Path

import pytest

PACKAGES = ('service', 'jetson', 'calibration', 'models', 'export')
#: Folders under tests/ that belong to no one package.
COMMON_TESTS = ('fakes', 'house')
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX)\b')
#: The usual form of a key of docs/references.md.
AUTHOR_AND_YEAR = re.compile(r'\[([A-Z][A-Za-z]+(?:19|20)\d\d[a-z]?)\]')
#: Names that a page may contain without asking another machine for anything (SVG and MathML name spaces).
HARMLESS = re.compile(r'https?://(127\.0\.0\.1|localhost|www\.w3\.org|scripts\.sil\.org)([:/"\']|$)')


@pytest.fixture(scope='module')
def files(root):
    """Every file of the project, as paths from its top folder."""
    try:
        listed = subprocess.check_output(
            ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
            cwd=str(root), stderr=subprocess.DEVNULL, universal_newlines=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('git, which lists the files of the project, does not answer here')
    return sorted(Path(name) for name in set(listed.split('\0')) if name and (root / name).is_file())


@pytest.mark.parametrize('name', ['LICENSE', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md',
                                  '.pre-commit-config.yaml', 'docs/architecture.md', 'docs/glossary.md'])
def test_project_has_what_a_project_has(files, name):
    assert Path(name) in files


def test_every_citation_is_in_the_references(root, files):
    """`[Otsu1979]` in code or prose names an entry of docs/references.md, and every entry is cited."""
    listed = re.findall(r'^- \[(\w+)\]', (root / 'docs/references.md').read_text(encoding='utf-8'), re.MULTILINE)
    assert listed == sorted(set(listed), key=str.lower), 'each once, in order'
    texts = [(root / path).read_text(encoding='utf-8') for path in files
             if path.suffix in ('.py', '.md', '.toml') and path.name != 'references.md']
    shaped = {key for text in texts for key in AUTHOR_AND_YEAR.findall(text)}
    assert not sorted(shaped - set(listed)), 'cited and not listed'
    cited = set(re.findall(r'\[(\w+)[,\]]', ' '.join(texts)))
    assert not [key for key in listed if key not in cited], 'listed and not cited'


def test_every_link_between_documents_leads_somewhere(root, files):
    broken = []
    for path in files:
        if path.suffix == '.md':
            for target in re.findall(r'\]\(([^)#\s]+)', (root / path).read_text(encoding='utf-8')):
                if '://' not in target and not (root / path.parent / target).exists():
                    broken.append('%s: %s' % (path, target))
    assert not broken


def test_no_thread_ends_without_a_word(root, files):
    """A plain thread that raises is gone; `LastingThread` begins again and says so."""
    plain = [str(path) for path in files if path.suffix == '.py' and path.parts[0] in PACKAGES[:3]
             and re.search(r'\bThread\(', (root / path).read_text(encoding='utf-8').replace('LastingThread(', ''))]
    assert plain == [], 'use service.supervise.LastingThread'


def test_renames_that_must_last_are_those_of_durable(root, files):
    """A rename needs two or three syncs; `durable.move`, `atomic_write` and `replace_folder` make them."""
    renaming = {str(path) for path in files if path.suffix == '.py' and path.parts[0] in PACKAGES[:3]
                and re.search(r'\bos\.(rename|replace)\b|shutil\.move', (root / path).read_text(encoding='utf-8'))}
    # Files that are converted to a new name, with syncs of their own; a ledger that cannot be read, put out of the way.
    assert renaming == {'service/durable.py', 'service/conversion.py', 'service/supervise/starts.py'}


def test_every_top_folder_says_what_it_is(files):
    folders = {path.parts[0] for path in files if len(path.parts) > 1 and not path.parts[0].startswith('.')}
    assert set(PACKAGES) <= folders
    lacking = sorted(folder for folder in folders if Path(folder, 'README.md') not in files)
    assert not lacking, 'folders without README.md'


def test_nothing_is_left_unfinished(root, files):
    words = ('.py', '.js', '.css', '.html', '.sh', '.md', '.toml', '.cfg', '.service')
    found = [str(path) for path in files if path.suffix in words
             and UNFINISHED.search((root / path).read_text(encoding='utf-8'))]
    assert not found


def test_page_asks_no_other_machine(root, files):
    found = {}
    for path in files:
        if path.parts[:3] in (('service', 'web', 'templates'), ('service', 'web', 'static')):
            text = (root / path).read_bytes().decode('utf-8', 'replace')
            urls = [text[hit.start():hit.start() + 60] for hit in re.finditer(r'https?://', text)]
            # A source such as `src="//host/x.js"` takes the page's scheme and leaves the machine as well.
            urls += re.findall(r'(?:src|href|action)\s*=\s*["\']//[^"\']+|url\(\s*["\']?//[^)]+', text)
            foreign = [url for url in urls if not HARMLESS.match(url)]
            if foreign:
                found[str(path)] = foreign
    assert not found


def test_tests_mirror_packages(root, files):
    folders = {path.parent.parts[1:] for path in files if path.parts[0] == 'tests'
               and path.name.startswith('test_')}
    strays = ['/'.join(parts) for parts in folders
              if parts and parts[0] not in COMMON_TESTS and not (root.joinpath(*parts)).is_dir()]
    assert not strays, 'folders under tests/ that no package of that name stands behind'


def test_test_folders_are_packages(files):
    """Without __init__.py two test files of one name collide, or a folder shadows the package it tests."""
    folders = {path.parent for path in files if path.parts[0] == 'tests' and path.suffix == '.py'}
    assert not [str(folder) for folder in folders if folder / '__init__.py' not in files]
