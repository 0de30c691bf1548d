"""The one sentence that cannot be dismissed; apart, so that it needs no library."""

#: Stands on every screen and in every export.
ADJUNCT_NOTICE = ('Research and adjunct use only. Not for screening or diagnosis. Not a substitute for '
                  'mammography. A normal result does not exclude cancer.')
