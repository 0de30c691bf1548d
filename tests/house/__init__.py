"""Rules of the house that hold for the whole tree."""
