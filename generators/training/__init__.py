"""Training: one loop that knows phases and not maths, for every generator and for the networks beside them.

recipe.py      what a thing to train is: networks, phases, losses; all that the loop knows of it
batches.py     what one step learns from
"""
