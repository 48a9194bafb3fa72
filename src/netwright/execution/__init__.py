"""Where children run: in this process or in worker processes."""
