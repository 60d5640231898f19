"""The generator `mixsyn`: faces mixed from regions of several people, with no map of the result."""
