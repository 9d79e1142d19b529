"""The graph: recording, the backward and the forward pass, and the checks around them."""
