"""Sweeps: from a sweep file to cells, from cells to outcomes, from outcomes to a run folder."""
