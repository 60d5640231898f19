"""Attacks on face recognizers: each takes faces, an oracle, a goal and a budget, and returns faces.

An attack never judges its own success; the bench does.
"""

__distribution__ = "impersona"
