"""Backups of the exams of a station on a medium, and bringing them back."""
from .make import VOLUME_BYTES, Backup, key_path, make_backup, station_key
from .manifest import Manifest, read_manifest
from .medium import find_backups, unmount
from .restore import Restored, restore_backup
from .verify import Verified, backup_of, verify_backup

__all__ = ['Backup', 'Manifest', 'Restored', 'VOLUME_BYTES', 'Verified', 'backup_of', 'find_backups', 'key_path',
           'make_backup', 'read_manifest', 'restore_backup', 'station_key', 'unmount', 'verify_backup']
