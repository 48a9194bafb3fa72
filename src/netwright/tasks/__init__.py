"""The tasks children are trained on: labelled images, where they come from, and how they are divided."""
