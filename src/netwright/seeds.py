"""Seeds derived from what they are for."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Derive a seed from its purpose.

    Args:
        parts: What the seed is for, for example (run seed, "child", fingerprint).

    Returns:
        A number in 0..2**63-1, the same for the same parts on every machine.
    """
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
