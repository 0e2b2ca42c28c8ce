"""Runs: what a schedule plans, what a run saw, and the page that tells it. Pure; the loop is flux/schedule.py."""
