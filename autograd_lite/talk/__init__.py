"""The talk that the library grew from, as a program: `python -m autograd_lite`.

`by_hand` derives the net's gradients in NumPy and imports nothing of ours; `by_engine` asks the engine
for the same quantities; `training` holds what both share when they learn; `slide` prints. `part_one`
tells the story with them, a section at a time: a section is a function of the seed that prints.
"""
