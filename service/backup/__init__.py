"""Backups of the exams of a station on a medium, and bringing them back."""
from .job import BackupJob, Progress
from .last import last_backup, note_backup
from .make import VOLUME_BYTES, Backup, key_path, known_key, make_backup, station_key
from .manifest import Manifest, read_manifest
from .medium import Medium, find_backups, find_media, serve_unmount, unmount
from .restore import Restored, restore_backup
from .verify import Verified, backup_of, verify_backup

__all__ = ['Backup', 'BackupJob', 'Manifest', 'Medium', 'Progress', 'Restored', 'VOLUME_BYTES', 'Verified', 'backup_of',
           'find_backups', 'find_media', 'key_path', 'known_key', 'last_backup', 'make_backup', 'note_backup',
           'read_manifest', 'restore_backup', 'serve_unmount', 'station_key', 'unmount', 'verify_backup']
