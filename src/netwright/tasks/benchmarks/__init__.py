"""Tables of trained architectures."""
