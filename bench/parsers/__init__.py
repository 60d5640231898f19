"""Parsers: which part of a face each pixel of a crop shows."""
