"""The boards, as `generate.py` and `consoles.py` write them.

A board of which histograms are shown has two variants: one of classic buckets, and one of native histograms, for a
Prometheus that stores these instead, in a folder of its own. Panels, queries and units are those of `board_*.py`, in every variant and output.
"""

import board_django
import board_exporter
import board_site


def classic(board):
    return {**board, "folder": "", "uid": f"httplog-{board['file']}"}


def native(board):
    return {
        **board,
        "folder": "native",
        "file": f"{board['file']}-native",
        "uid": f"httplog-{board['file']}-native",
        "title": f"{board['title']}, native histograms",
        "description": f"{board['description']} For a Prometheus that stores native histograms.",
    }


EXPORTER = classic(board_exporter.board())
CLASSIC = [classic(board_site.board(native=False)), classic(board_django.board(native=False)), EXPORTER]
# The exporter's own histograms have no native buckets.
NATIVE = [native(board_site.board(native=True)), native(board_django.board(native=True)), EXPORTER]
BOARDS = [*CLASSIC, *NATIVE[:-1]]


def beside(board):
    """Returns the boards that show histograms of the same kind."""
    return NATIVE if board["folder"] == "native" else CLASSIC
