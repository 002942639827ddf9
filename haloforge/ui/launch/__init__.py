"""Launching a run from the browser: presets, names of outputs, live plans, drafts, YAML, and what follows a run.

presets.py    settings for a kind of machine, and those of an earlier run
names.py      names of outputs that nothing has yet
complaints.py what is wrong with a form, by field
preflight.py  what must be there before a run starts, one row each
planner.py    asks planning.py, a process of its own, so that heavy libraries never load in the server
panel.py      the side panel beside a form
overlay.py    YAML laid over a form
next_steps.py what a finished run offers
"""
