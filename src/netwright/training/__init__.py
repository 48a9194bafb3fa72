"""The training loops of children, and what they use: augmentation, perplexity, checkpoints, speed."""
