"""What Keras says when it can't build something, in one line."""

from __future__ import annotations


def reason(error: Exception) -> str:
    """What Keras complains of: what it quotes at the end, or its first line."""
    text = str(error).strip()
    return text.rpartition("Exception encountered: ")[2].split("\n")[0]
