"""Selection: what could run a bundle on this machine, in which order it is tried, and which one starts."""
from .candidates import Candidate, Runtime, baseline, every_candidate, find_engine, proof_variant
from .choice import CHOICE_NAME, INT8_MARGIN, fastest, machine_key, plan, write_choice
from .measurement import WARM_UP_RUNS, feeds, measure
from .startup import ABSENT, Proven, noteworthy, start_first, start_proven

__all__ = ['ABSENT', 'CHOICE_NAME', 'Candidate', 'INT8_MARGIN', 'Proven', 'Runtime', 'WARM_UP_RUNS', 'baseline',
           'every_candidate', 'fastest', 'feeds', 'find_engine', 'machine_key', 'measure', 'noteworthy', 'plan',
           'proof_variant', 'start_first', 'start_proven', 'write_choice']
