"""The controller once more, in numpy, float64 and plain loops: the oracle of its tests."""

import numpy as np

from netwright.spaces.decisions import Choice


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(weights, num_layers, inputs, state):
    """One step of a stacked LSTM; `state` is a list of (h, c) per layer."""
    new_state = []
    for layer in range(num_layers):
        h, c = state[layer]
        gates = (
            weights[f"lstm/weight_ih_l{layer}"] @ inputs
            + weights[f"lstm/bias_ih_l{layer}"]
            + weights[f"lstm/weight_hh_l{layer}"] @ h
            + weights[f"lstm/bias_hh_l{layer}"]
        )
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        new_state.append((h, c))
        inputs = h
    return inputs, new_state


def log_prob_and_entropy(weights, episode, *, num_layers=2, temperature=1.0):
    """log P(actions) and the summed entropy of the decisions, in nats, one decision at a time."""
    size = len(weights["start"])
    state = [(np.zeros(size), np.zeros(size)) for _ in range(num_layers)]
    inputs = weights["start"]
    anchors = {}
    log_prob = entropy = 0.0
    for decision, action in zip(episode.decisions, episode.actions, strict=True):
        h, state = lstm_step(weights, num_layers, inputs, state)
        name = decision.name
        if isinstance(decision, Choice):
            logits = (weights[f"choice/{name}/weight"] @ h + weights[f"choice/{name}/bias"]) / temperature
            logits = np.where(decision.allowed, logits, -np.inf)
            p = np.exp(logits - logits.max())
            p /= p.sum()
            log_prob += np.log(p[action])
            entropy -= sum(q * np.log(q) for q in p if q > 0)
            inputs = weights[f"choice/{name}/embedding"][action]
            continue
        earlier = anchors.setdefault(name, [])
        for position, (anchor_h, _) in enumerate(earlier):
            hidden = np.tanh(weights[f"subset/{name}/previous"] @ anchor_h + weights[f"subset/{name}/current"] @ h)
            p = sigmoid(weights[f"subset/{name}/score"] @ hidden / temperature)
            log_prob += np.log(p if position in action else 1 - p)
            entropy -= p * np.log(p) + (1 - p) * np.log(1 - p)
        selected = [earlier[position][1] for position in action]
        following = np.mean(selected, axis=0) if selected else weights[f"subset/{name}/none"]
        earlier.append((h, inputs))
        inputs = following
    return log_prob, entropy
