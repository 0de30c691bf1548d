"""``thermoscreen certificate``: made, renewed with the same key, shown, refused in words."""
import json

from click.testing import CliRunner

from service.cli import program


def _run(settings, *words):
    result = CliRunner().invoke(program, ['certificate'] + list(words) + ['--settings', str(settings)], obj={})
    return result


def test_make_renews_with_the_same_key_and_show_says_so(tmp_path):
    settings = tmp_path / 'settings.toml'
    settings.write_text('[web]\nstation_names = "Thermo3.example.org"\ncertificate = "%s"\ncertificate_key = "%s"\n'
                        % (tmp_path / 'tls' / 'a.crt', tmp_path / 'tls' / 'a.key'))
    made = json.loads(_run(settings, 'make', '--json').output)
    assert (made['names'], made['own']) == (['thermo3.example.org'], True)
    renewed = json.loads(_run(settings, 'make', '--json').output)
    assert renewed['pin'] == made['pin'] and renewed['sha256'] != made['sha256']
    assert json.loads(_run(settings, 'show', '--json').output) == renewed
    printed = _run(settings, 'show').output
    assert renewed['sha256'] in printed and renewed['pin'] in printed and 'the station itself' in printed


def test_without_settings_for_it_there_is_none(tmp_path):
    settings = tmp_path / 'settings.toml'
    settings.write_text('')
    for word in ('make', 'show'):
        result = _run(settings, word)
        assert result.exit_code and result.exception.code == 'certificate-unset'
