"""The policy network that generates architectures, its parameters and its losses. Depends on spaces, not on children.

policy = Controller(seed=0)
policy.sample(episodes, rngs)                          # choose every action of M episodes
log_probs, entropies = policy.log_probs(episodes)      # differentiable by policy.weights
loss = reinforce_loss(log_probs, entropies, advantages, entropy_weight=0.0)
"""
