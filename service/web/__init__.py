"""The kiosk page: a Flask application on loopback, and waitress to serve it.

`app` builds the station's application and needs everything; `safe` builds the page of safe mode and needs Flask alone.
"""
