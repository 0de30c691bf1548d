"""The reference page of the settings, generated from the class that checks them."""
import os
from dataclasses import fields

from .keys import SHIPPED_BUNDLE, Settings, type_word


def reference_page():
    """The settings as a Markdown page: one table a section."""
    lines = ['# Settings', '', 'One TOML file, given with `--settings FILE`. This page is made by '
             '`thermoscreen settings --reference`.', '']
    section = None
    for entry in fields(Settings):
        if entry.metadata['section'] != section:
            section = entry.metadata['section']
            lines += ['' if lines[-1] else None, '## [%s]' % section, '',
                      '| setting | type | default | allowed | meaning |', '| --- | --- | --- | --- | --- |']
        lines.append('| `%s` | %s | `%s` | %s | %s |' % (entry.name, type_word(entry.type), _default(entry),
                                                         _allowed(entry.metadata), entry.metadata['sentence']))
    return '\n'.join(line for line in lines if line is not None) + '\n'


def _default(entry):
    if entry.default == SHIPPED_BUNDLE:
        return 'service/bundles/' + os.path.basename(SHIPPED_BUNDLE)
    # Both as TOML writes them.
    if entry.type is bool:
        return str(entry.default).lower()
    return entry.default if entry.default != '' else '""'


def _allowed(rules):
    if rules['choices']:
        return ', '.join(rules['choices'])
    if rules['low'] is not None:
        return '%g to %g %s' % (rules['low'], rules['high'], rules['unit'])
    return ''
