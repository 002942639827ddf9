"""From a model's text to a program: extraction, assembly with the prompt, and when two programs are the same."""

from haloforge.answers.assembly import cut_at_stop_tokens, whole_program
from haloforge.answers.extraction import extract_code
from haloforge.answers.measure import Substance, defines, substance
from haloforge.answers.mutation import Mutant, mutants
from haloforge.answers.normal_forms import normal_form

__all__ = [
    "Mutant",
    "Substance",
    "cut_at_stop_tokens",
    "defines",
    "extract_code",
    "mutants",
    "normal_form",
    "substance",
    "whole_program",
]
