"""Functions of functions: gradients, Jacobians, directional derivatives, checkpoints."""
