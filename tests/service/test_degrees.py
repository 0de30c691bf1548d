"""°F on the pages: every number is that of °C converted, and every sentence with one says how it is converted."""
import re

import pytest

from service.degrees import DIFFERENCES, FAHRENHEIT, TEMPERATURES, celsius, fahrenheit, shown
from service.languages import FOLDER, PLACEHOLDER, Language

#: What stays in °C, whole: technicians' sentences, reports and what is said of a setting.
STAYS = re.compile('emissivity|The maker|As kelvin|is beyond the range|in row %d|Air of %g|has nothing warmer|'
                   'A difference counts as changed|has the same colours|: temperatures in|: left minus right in|'
                   'temperature of the room in|^Mean temperature in|holds counts up to|^Uncertainties hold|'
                   '^How the pages show|^How viewers read')


@pytest.mark.parametrize('text, temperature, difference', [
    ('31.4', '88.5', '56.5'), ('0', '32', '0'), ('+0.7', '+33.3', '+1.3'), ('-0.2', '31.6', '-0.4'),
    ('\u22120.96', '30.27', '\u22121.73'), ('-0.0', '32.0', '0.0'), ('-20', '-4', '-36'),
    ('\u2013', '\u2013', '\u2013'), ('nan', 'nan', 'nan'), ('31.4 ', '31.4 ', '31.4 ')])
def test_a_number_is_converted_with_its_digits(text, temperature, difference):
    assert shown(text) == temperature and shown(text, True) == difference


def test_what_a_thermometer_says_comes_back():
    assert [celsius(fahrenheit(value / 10)) for value in range(0, 500)] == [value / 10 for value in range(0, 500)]
    assert celsius(72.0) == 22.2


@pytest.mark.parametrize('name', ['en', 'de'])
def test_every_sentence_with_temperatures_is_converted(name):
    language, plain = Language(name, FAHRENHEIT), Language(name)
    for form in TEMPERATURES + DIFFERENCES:
        if any(hit.group(1) for hit in PLACEHOLDER.finditer(form)):
            continue  # a page's own words, whose values come by their names
        made = PLACEHOLDER.sub('20.5', re.sub('%s(?! °C)', 'Xy', form))
        said, before = language.translated(made), plain.translated(made)
        assert '°C' not in said and said.count('°F') == before.count('°C') > 0, said
        converted = '36.9' if form in DIFFERENCES else '68.9'
        assert re.findall(r'\d+\.\d', said) == [converted] * len(re.findall(r'\d+\.\d', before)), said
    assert plain.translated('The room is at 16.5 °C.') in ('The room is at 16.5 °C.', 'Der Raum hat 16.5 °C.')


def test_values_by_their_names_and_sentences_in_sentences():
    language = Language('en', FAHRENHEIT)
    assert language.in_unit('Both pictures at %(low)s to %(high)s °C.', {'low': '27.0', 'high': '35.0'}) == {
        'low': '80.6', 'high': '95.0'}
    assert language.translated('Left breast 0.6 °C warmer than right. Not above the 1.0 °C threshold. Hold still.') == \
        'Left breast 1.1 °F warmer than right. Not above the 1.8 °F threshold. Hold still.'
    assert language.translated('Left breast 0.6 °C warmer than right: not above the threshold of 1.0 °C.') == \
        'Left breast 1.1 °F warmer than right: not above the threshold of 1.8 °F.'


def test_every_text_of_the_catalogues_with_degrees_is_decided_on():
    text = (FOLDER / 'de' / 'LC_MESSAGES' / 'thermoscreen.po').read_text(encoding='utf-8')
    known = {''.join(re.findall('"(.*)"', found)) for found in re.findall(r'^msgid ((?:".*"\n)+)', text, re.M)}
    with_degrees = {found for found in known if '°C' in found}
    assert with_degrees - {found for found in with_degrees if STAYS.search(found)} == set(TEMPERATURES + DIFFERENCES)
