"""The training loops and the choices that make them fast."""
