"""The catalogues of languages: complete, made of the sources as they are, and compiled."""
import fnmatch
import io
import re

import pytest

from service.languages import DOMAIN, LANGUAGES

#: What technicians, programs and supervisors alone are told may be English; a page shows it whole.
MAY_BE_ENGLISH = tuple('service/%s' % name for name in (
    'anchors.py', 'backends/*', 'backup/*', 'bundle/*', 'cameras/*', 'capture_file.py', 'certificate.py', 'chains.py',
    'durable.py', 'entry.py', 'exam_job.py', 'exams/exchange.py', 'exams/folder.py', 'exams/library.py',
    'exams/store.py', 'exams/verification.py', 'hospital/dicom/*', 'kept_checks.py', 'model_change/*',
    'operators/audit.py', 'operators/chain.py', 'operators/signer.py', 'operators/twin.py',
    'operators/verification.py', 'radiometry/*', 'readers/*', 'record.py', 'schema.py', 'sealing.py', 'settings.py',
    'storage.py', 'summary.py', 'supervise/*', 'support/*', 'telemetry.py', 'thermogram.py', 'web/access.py',
    'web/front.py', 'web/monitoring.py', 'web/server.py', 'web/tokens.py'))


@pytest.fixture(scope='module')
def sources(root):
    """What `pybabel extract` finds: texts with the files that hold them."""
    pytest.importorskip('babel', reason='Babel, of requirements/lint.txt, is not installed here')
    from babel.messages.extract import extract_from_dir
    from babel.messages.frontend import parse_mapping_cfg
    with open(str(root / 'babel.cfg')) as stream:
        mapping, options = parse_mapping_cfg(stream)
    found = {}
    for name, _, text, _, _ in extract_from_dir(str(root), mapping, options):
        for one in (text if isinstance(text, tuple) else (text,)):
            found.setdefault(one, set()).add(name)
    return found


@pytest.mark.parametrize('name', sorted(set(LANGUAGES) - {'en'}))
def test_catalogue(root, sources, name):
    from babel.messages import mofile, pofile
    path = root / 'service' / 'languages' / name / 'LC_MESSAGES' / (DOMAIN + '.po')
    with open(str(path), 'rb') as stream:
        catalogue = pofile.read_po(stream, locale=name)
    texts = {one: entry.string for entry in catalogue if entry.id
             for one in (entry.id if isinstance(entry.id, tuple) else (entry.id,))}
    assert set(sources) - set(texts) == set(), 'new in the sources: pybabel extract and update, docs/languages.md'
    assert set(texts) - set(sources) == set(), 'not in the sources any more'
    english = {text for text, entry in texts.items() if not (entry and all(entry))
               and not all(any(fnmatch.fnmatch(file, may) for may in MAY_BE_ENGLISH) for file in sources[text])}
    assert english == set(), 'without a translation'
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    assert compiled.getvalue() == path.with_suffix('.mo').read_bytes(), 'pybabel compile, docs/languages.md'


def test_every_word_of_a_template_is_marked(root):
    """Text between tags, and what is read aloud, stands in ``_()`` or ``{% trans %}``."""
    unmarked = []
    for path in sorted((root / 'service' / 'web' / 'templates').glob('*.html')):
        text = re.sub(r'{% trans.*?endtrans %}|{#.*?#}|<code>.*?</code>', '', path.read_text(encoding='utf-8'),
                      flags=re.S)
        bare = re.sub(r'{% block (?:page|shape|action) %}.*?{% endblock %}|{% macro plain.*?endmacro %}|{%.*?%}|'
                      r'{{.*?}}', '\0', text, flags=re.S)
        said = re.findall(r'>([^<]*)<', bare) + re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]*)"', bare)
        unmarked += ['%s: %s' % (path.name, ' '.join(one.split())) for one in said
                     if re.search('[A-Za-z]{2}', re.sub('thermoscreen|SHA-256|GMAC', '', one))]
    assert unmarked == []
