"""netwright writes neural networks: architecture search with reinforcement learning (Zoph & Le, 2017)."""
