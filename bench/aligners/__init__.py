"""Aligners: from a frame to the faces in it, and from a face to a recognizer's canonical crop."""
