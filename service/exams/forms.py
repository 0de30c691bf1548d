"""An exam in its other form: opened, so that it can be read without a key, or sealed with the key of a station."""
from dataclasses import replace
from typing import Callable, Optional

from ..sealing import BaseSealer, PlainSealer
from .exam import CAPTURED, Exam, is_correction
from .folder import stored
from .texts import opened_patient, sealed_name, sealer_for, search_tokens

#: Gives the bytes of a file as they are kept, by its name.
Read = Callable[[str], bytes]

#: Takes name and bytes of a file in the other form.
Keep = Callable[[str, bytes], None]


def opened_form(exam: Exam, sealer: Optional[BaseSealer], read: Read, keep: Keep) -> Exam:
    """An exam as it is without encryption; search words are words then.

    Args:
        sealer: opens it.
        read: gives a file of `exam`.
        keep: is given each file, opened.

    Raises:
        ExamError: ``exams-locked``.
        SealError: as `BaseSealer.open`.
    """
    opener = sealer_for(sealer, exam.encrypted)
    opened = _changed(exam, opener.open_text, opener.open, read, keep)
    patient = opened_patient(opener, exam.id, exam.patient)
    return replace(opened, tokens=search_tokens(PlainSealer(), patient), encrypted=False)


def sealed_form(exam: Exam, sealer: BaseSealer, read: Read, keep: Keep) -> Exam:
    """An exam as a station keeps it; what is encrypted stays as it is.

    Args:
        sealer: of the station.
        read, keep: as for `opened_form`.

    Raises:
        SealError: ``seal-library``.
    """
    if exam.encrypted or not sealer.encrypts:
        return _changed(exam, lambda text, name: text, lambda data, name: data, read, keep)
    patient = opened_patient(PlainSealer(), exam.id, exam.patient)
    return replace(_changed(exam, sealer.seal_text, sealer.seal, read, keep),
                   tokens=search_tokens(sealer, patient), encrypted=True)


def _changed(exam: Exam, change_text: Callable[[str, str], str], change_file: Callable[[bytes, str], bytes], read: Read,
             keep: Keep) -> Exam:
    events = []
    for event in exam.events:
        facts, private = event.facts, event.private
        if event.kind == CAPTURED or is_correction(event):
            files = {}
            for name in sorted(facts['files']):
                data = change_file(read(name), sealed_name(exam.id, name))
                keep(name, data)
                files[name] = list(stored({name: data})[name])
            facts = dict(facts, files=files)
        if private:
            private = change_text(private, sealed_name(exam.id, 'event-%d' % event.number))
        events.append(replace(event, facts=facts, private=private))
    return replace(exam, patient=change_text(exam.patient, sealed_name(exam.id, 'patient')), events=tuple(events))
