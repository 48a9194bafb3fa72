"""The search without input or output: outcomes in, jobs and what changed out."""
