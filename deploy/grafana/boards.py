"""The boards, as `generate.py` writes them.

A board of which histograms are shown has two variants: one of classic buckets, and one of native histograms, for a
Prometheus that stores these instead, in a folder of its own. Panels, queries and units are those of `board_*.py`, in both.
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


BOARDS = [
    classic(board_site.board(native=False)),
    native(board_site.board(native=True)),
    classic(board_django.board(native=False)),
    native(board_django.board(native=True)),
    # Its only histogram has no native buckets.
    classic(board_exporter.board()),
]
