"""Sentences in the language of the station: found with their values, whole in English where that does not go."""
import gettext

import pytest

from service.languages import DOMAIN, FOLDER, LANGUAGES, Language, placeholders

TRANSLATED = sorted(set(LANGUAGES) - {'en'})


class Words(Language):
    """A language of some words, as its catalogue would have them."""

    def __init__(self, monkeypatch, words):
        found = gettext.NullTranslations()
        found._catalog = dict(words, **{'': 'Language: de'})
        monkeypatch.setattr('service.languages.gettext.translation', lambda *args, **options: found)
        super().__init__('de')


@pytest.fixture
def german(monkeypatch):
    return Words(monkeypatch, {
        'Wait.': 'Warten.', 'left breast': 'linke Brust', 'The %s is not seen.': 'Nicht zu sehen: %s.',
        '%d of %d pictures': 'Von %2$d Bildern %1$d', '%.0f %% of the pictures are lost.': '%.0f %% gehen verloren.',
        '%s %.1f °C warmer': '%s um %.1f °C wärmer', 'Exam %d': 'Untersuchung %s', '%s: %s': '%s – %s'})


@pytest.mark.parametrize('english, shown', [
    ('Wait.', 'Warten.'),
    ('The left breast is not seen.', 'Nicht zu sehen: linke Brust.'),
    ('The (.*) is not seen. Wait.', 'Nicht zu sehen: (.*). Warten.'),
    ('3 of 5 pictures', 'Von 5 Bildern 3'),
    ('94 % of the pictures are lost.', '94 % gehen verloren.'),
    ('left breast −0.4 °C warmer', 'linke Brust um −0.4 °C wärmer'),
    ('Nobody knows. Wait.', 'Nobody knows. Warten.'),
    ('left breast: Wait.', 'linke Brust: Warten.'), ('Ann: Wait.', 'Ann: Wait.'),  # too short a form finds anything
    ('', '')])
def test_a_sentence_is_found_with_its_values(german, english, shown):
    assert german.translated(english) == shown


def test_a_translation_that_cannot_be_filled_is_left_out(german):
    assert german.translated('Exam 7') == 'Exam 7' and 'Exam %d' not in german.words


def test_one_and_many(german):
    german._plural = lambda one, many, count: '%(n)s Bild' if count == 1 else '%(m)s Bilder'
    assert german.counted('%(n)s picture', '%(n)s pictures', 1) == '%(n)s Bild'
    assert german.counted('%(n)s picture', '%(n)s pictures', 2) == '%(n)s pictures'


def test_english_is_as_it_was_written():
    assert Language('en').words == {} and Language('en').translated('Wait. 5 %d') == 'Wait. 5 %d'


def test_a_language_that_is_not_here():
    with pytest.raises(ValueError):
        Language('xx')


@pytest.mark.parametrize('name', TRANSLATED)
def test_every_translation_has_the_placeholders_of_its_original(name):
    entries = gettext.translation(DOMAIN, str(FOLDER), [name])._catalog
    wrong = {text: entry for text, entry in entries.items() if text
             and placeholders(text if isinstance(text, str) else text[0]) != placeholders(entry)}
    assert wrong == {} and len(entries) > 1
