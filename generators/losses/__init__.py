"""Losses that every generator shares: plain functions of tensors, each once."""
