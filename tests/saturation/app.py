"""A site whose requests take as long as they ask for (`/?ms=100`), and which measures itself.

Each request appends its start and its end, of the clock that all processes share, to the file BUSY: the time for which it
occupied a thread of a worker, as a middleware sees it.
"""

import os
import struct
import time
import urllib.parse

BUSY = os.open(os.environ["BUSY"], os.O_WRONLY | os.O_APPEND)
ENTRY = struct.Struct("<dd")


def site(environ, start_response):
    milliseconds = urllib.parse.parse_qs(environ["QUERY_STRING"])["ms"][0]
    time.sleep(float(milliseconds) / 1000)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]


class Measured:
    """A response that notes when it has been sent."""

    def __init__(self, response, start):
        self.response, self.start = response, start

    def __iter__(self):
        return iter(self.response)

    def close(self):
        os.write(BUSY, ENTRY.pack(self.start, time.monotonic()))


def application(environ, start_response):
    start = time.monotonic()
    return Measured(site(environ, start_response), start)
