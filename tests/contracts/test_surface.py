"""What users depend on changes only together with the stored listing of it."""

from pathlib import Path

from surface import listing

STORED = Path(__file__).with_name("surface.txt")


def test_names_settings_and_commands_are_the_stored_ones() -> None:
    assert listing() == STORED.read_text(), "intended? python tests/contracts/surface.py > tests/contracts/surface.txt"
