"""Backups of the exams of a station on a medium, and bringing them back."""
from .job import BackupJob, MediumJob, Progress, StopError
from .last import last_backup, last_restore_test, note_backup, note_restore_test
from .make import VOLUME_BYTES, Backup, key_path, known_key, make_backup, station_key
from .manifest import Manifest, read_manifest
from .medium import Medium, find_backups, find_media, on_medium, serve_unmount, sync_medium, unmount
from .restore import Restored, restore_backup
from .restore_test import Tried, clear_scratch, newest_backup, try_restore
from .verify import Verified, backup_of, verify_backup

__all__ = ['Backup', 'BackupJob', 'Manifest', 'Medium', 'MediumJob', 'Progress', 'Restored', 'StopError', 'Tried',
           'VOLUME_BYTES', 'Verified', 'backup_of', 'clear_scratch', 'find_backups', 'find_media', 'key_path',
           'known_key', 'last_backup', 'last_restore_test', 'make_backup', 'newest_backup', 'note_backup',
           'note_restore_test', 'on_medium', 'read_manifest', 'restore_backup', 'serve_unmount', 'station_key',
           'sync_medium', 'try_restore', 'unmount', 'verify_backup']
