"""Training: one loop that knows phases and not maths, for every generator and for the networks beside them.

recipe.py       what a thing to train is: networks, phases, losses; all that the loop knows of it
batches.py      what one step learns from
loop.py         the loop: `train`; run.py: what it trains; keeping.py: what it leaves in the folder
options.py      how long, how often and on what
phases.py       optimizers, and whose parameters collect gradients
average.py      the moving average of the weights that is released
state.py        what a checkpoint holds; checkpoint.py: how it lies on disk; identity.py: of which run it is
watch.py        whether losses and gradients still are numbers; observe.py brings them from the device
log.py          log.jsonl, a line a tick; timing.py: where the time goes; display.py: what a person sees
grid.py         sample grids; card.py: the run card
source.py       batches from a pack; mirroring.py: left and right; jitter.py: what frozen networks see, disturbed
frozen.py       the networks that teach; chips.py: the faces as they want them
encoder.py      who tells who is shown: any recognizer with gradients; shared_dlib.py: dlib's, one pass for two roles
schedule.py     learning rates by the step's number
released.py     weights to ship
device.py       Lightning Fabric; stopping.py: limits and signals
choice.py       what can be trained, by name; command.py, cli_train.py, cli_describe.py, description.py, __main__.py
"""
