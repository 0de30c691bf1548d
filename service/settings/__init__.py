"""Settings: one TOML file, one class, one generated reference page."""
from .keys import SHIPPED_BUNDLE, Settings
from .load import load_settings
from .reference import reference_page

__all__ = ['SHIPPED_BUNDLE', 'Settings', 'load_settings', 'reference_page']
