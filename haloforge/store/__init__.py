"""Run records: the only room that speaks SQL."""

from haloforge.store.store import Report, Store, StoredSample, home

__all__ = ["StoredSample", "Report", "Store", "home"]
