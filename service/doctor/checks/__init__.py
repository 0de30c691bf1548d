"""The checks, one small file each: ``check(settings) -> Message``."""
