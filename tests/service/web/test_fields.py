"""What every template and every script keeps to, so that nothing of one patient comes back to the next."""
import re

import pytest


@pytest.fixture(scope='module')
def web(root):
    return root / 'service' / 'web'


def test_nothing_is_suggested_corrected_or_brought_back(web):
    macro, = re.findall(r'macro plain\(\) -%}\n(.*)\n', (web / 'templates' / '_entry.html').read_text())
    assert set(macro.split()) == {'inputmode="none"', 'autocomplete="off"', 'autocapitalize="off"',
                                  'spellcheck="false"'}
    found = 0
    for template in (web / 'templates').glob('*.html'):
        text = template.read_text()
        for field in re.findall(r'<(?:input|textarea)(?:{.*?}|[^>])*>', text):
            if 'type="hidden"' not in field:
                kinds = r'type="(text|password|checkbox)"|<textarea'
                assert '{{ plain() }}' in field and re.search(kinds, field), field
                found += 1
        for form in re.findall(r'<form(?:{.*?}|[^>])*>(?s:.*?)</form>', text):
            if re.search(r'<input(?![^>]*type="hidden")|data-entry', form):
                assert 'autocomplete="off"' in form.partition('>')[0] + form, template.name
    assert found > 7


def test_no_dialog_of_the_browser_is_opened(web):
    """It would stop the page, and an Enter of the scanner would answer it."""
    for script in (web / 'static' / 'js').glob('*.js'):
        assert not re.search(r'\b(alert|confirm|prompt)\(|beforeunload', script.read_text()), script.name
