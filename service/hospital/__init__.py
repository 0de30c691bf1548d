"""What leaves for the hospital and comes from it: report, DICOM objects, worklist, archive.

It reads exams through their public interface, and no module of it is imported before it is needed: pydicom and
reportlab would cost the start of the service time and memory.
"""
