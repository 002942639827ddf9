"""Run records: the only room that speaks SQL."""

from haloforge.store.connection import home
from haloforge.store.figures import Figures
from haloforge.store.listed_runs import ORDERS, RunFilter, RunLine
from haloforge.store.listed_samples import LIST_ROWS, ListFilter, SamplePage
from haloforge.store.recording import RECORDING
from haloforge.store.report import Report
from haloforge.store.sample_tables import SampleFilter
from haloforge.store.store import Store
from haloforge.store.stored import SampleSummary, StoredProgram, StoredSample, StoredTokens, VerdictSummary
from haloforge.store.vote_table import Vote

__all__ = [
    "LIST_ROWS",
    "ORDERS",
    "RECORDING",
    "Figures",
    "ListFilter",
    "Report",
    "RunFilter",
    "RunLine",
    "SampleFilter",
    "SamplePage",
    "SampleSummary",
    "Store",
    "StoredProgram",
    "StoredSample",
    "StoredTokens",
    "VerdictSummary",
    "Vote",
    "home",
]
