"""Losses, each once: plain functions of tensors that return a scalar; networks are handed in, never named."""
