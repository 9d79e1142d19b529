"""The C backend: consecutive equations of a block as one function in C, between calls of NumPy."""
