"""The graph: recording, the backward and the forward pass, and what makes them right in every corner."""
