"""Selection: what could run a bundle on this machine, in which order it is tried, and which one starts.

`measurement` is imported by those who measure: it needs the simulator, which the service does not.
"""
from .candidates import Candidate, Runtime, baseline, every_candidate, find_engine, proof_variant
from .choice import CHOICE_NAME, INT8_MARGIN, fastest, machine_key, plan, write_choice
from .startup import ABSENT, Proven, noteworthy, start_first, start_proven

__all__ = ['ABSENT', 'CHOICE_NAME', 'Candidate', 'INT8_MARGIN', 'Proven', 'Runtime', 'baseline', 'every_candidate',
           'fastest', 'find_engine', 'machine_key', 'noteworthy', 'plan', 'proof_variant', 'start_first',
           'start_proven', 'write_choice']
