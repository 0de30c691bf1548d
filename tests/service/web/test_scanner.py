"""The card of the scanner: what is to be set, and two codes of the same text."""
from service.barcode import CARD, code128, path
from service.web.scanner import SETTINGS


def test_it_shows_settings_and_codes(client):
    page = client.get('/scanner').get_data(as_text=True)
    assert all(name in page and value in page for name, value in SETTINGS)
    assert 'data-card="%s"' % CARD in page and path([code128(CARD)], 40) in page and page.count('<svg class="') > 2
    assert 'href="/scanner"' in client.get('/status/board').get_data(as_text=True)
