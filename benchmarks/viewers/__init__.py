"""What the viewers of a hospital make of the objects that a station sends, against what it had."""
