"""The store: everything that can be asked of the run records or written to them, as a table of contents."""

import haloforge.store.event_table as event_table
import haloforge.store.listed_runs as listed_runs
import haloforge.store.listed_samples as listed_samples
import haloforge.store.recording as recording
import haloforge.store.run_table as run_table
import haloforge.store.sample_pages as sample_pages
import haloforge.store.sample_tables as sample_tables
import haloforge.store.vote_table as vote_table
from haloforge.store.connection import Connection


class Store(Connection):
    """The run records in `root`/haloforge.db. Not shared between threads: open one where it is used.

    Each name below is a function of another file whose first parameter is the store, and so a method here.
    """

    create_run = run_table.create_run
    run = run_table.run
    find_run = run_table.find_run
    runs = run_table.runs
    count_runs = run_table.count_runs
    children = run_table.children
    next_queued = run_table.next_queued
    runs_with_samples = run_table.runs_with_samples
    update_run = run_table.update_run
    claim = run_table.claim
    finish = run_table.finish
    requeue = run_table.requeue
    delete_run = run_table.delete_run

    run_lines = listed_runs.run_lines
    count_lines = listed_runs.count_lines
    run_line = listed_runs.run_line
    newest_done = listed_runs.newest_done
    tags = listed_runs.tags
    waiting = listed_runs.waiting
    move_up = listed_runs.move_up

    emit = event_table.emit
    events = event_table.events
    metrics_named = event_table.metrics_named
    newest_event_id = event_table.newest_event_id
    last_events = event_table.last_events
    metrics = event_table.metrics
    points = event_table.points
    last_event = event_table.last_event
    begin_phase = event_table.begin_phase
    end_phase = event_table.end_phase
    phase = event_table.phase
    phases = event_table.phases

    save_problems = sample_tables.save_problems
    problems = sample_tables.problems
    problem = sample_tables.problem
    save_samples = sample_tables.save_samples
    save_verdicts = sample_tables.save_verdicts
    save_selections = sample_tables.save_selections
    samples = sample_tables.samples
    count_samples = sample_tables.count_samples
    status_counts = sample_tables.status_counts

    sample_page = listed_samples.sample_page
    count_list = listed_samples.count_list
    tallies = listed_samples.tallies
    problem_counts = listed_samples.problem_counts
    sample = listed_samples.sample
    problem_ids = listed_samples.problem_ids

    summaries = sample_pages.summaries
    programs = sample_pages.programs
    whole_samples = sample_pages.whole_samples
    verdicts = sample_pages.verdicts
    nats = sample_pages.nats
    tokens = sample_pages.tokens
    unverified_ids = sample_pages.unverified_ids
    sample_keys = sample_pages.sample_keys

    save_recording = recording.save_recording
    load_recording = recording.load_recording

    save_vote = vote_table.save_vote
    votes = vote_table.votes
