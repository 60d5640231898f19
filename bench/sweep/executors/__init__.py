"""Executors: where and in what order cells run."""
