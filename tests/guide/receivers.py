#!/usr/bin/env python3
"""Stand-ins for Slack and for a mail server with TLS, which write each message to a file in INBOX.

    receivers.py INBOX

Slack listens on port 8765, mail on port 8587, with `certificate` and `key` from INBOX. The file `ready` is created once
both listen.
"""

import base64
import email
import email.policy
import http.server
import itertools
import pathlib
import socketserver
import ssl
import sys
import threading

INBOX = pathlib.Path(sys.argv[1])
numbers = itertools.count(1)


def keep(kind, text):
    (INBOX / f"{kind}-{next(numbers)}").write_text(text)


class Slack(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        keep("slack", self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Mail(socketserver.StreamRequestHandler):
    """The part of SMTP (RFC 5321) with STARTTLS (RFC 3207) that Alertmanager uses. Mail is refused before TLS."""

    def handle(self):
        is_private = False
        self.say("220 localhost ESMTP")
        while line := self.rfile.readline():
            command = line.split()[0].upper()
            if command == b"EHLO":
                self.say("250-localhost", "250 AUTH PLAIN" if is_private else "250 STARTTLS")
            elif command == b"STARTTLS":
                self.say("220 go on")
                self.encrypt()
                is_private = True
            elif command == b"QUIT":
                self.say("221 bye")
                return
            elif not is_private:
                self.say("530 STARTTLS first")
            elif command == b"AUTH":
                is_right = base64.b64decode(line.split()[2]).split(b"\0")[1:] == [b"alertmanager@example.test", b"word"]
                self.say("235 welcome" if is_right else "535 who?")
            elif command == b"DATA":
                self.say("354 go on")
                self.take()
                self.say("250 taken")
            else:
                self.say("250 ok")

    def encrypt(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(INBOX / "certificate", INBOX / "key")
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)

    def take(self):
        lines = b"".join(iter(self.rfile.readline, b".\r\n"))
        message = email.message_from_bytes(lines, policy=email.policy.default)
        parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        keep("mail", "\n".join([message["Subject"], *parts]))

    def say(self, *lines):
        for line in lines:
            self.wfile.write(f"{line}\r\n".encode())


def main():
    servers = [
        http.server.ThreadingHTTPServer(("127.0.0.1", 8765), Slack),
        socketserver.ThreadingTCPServer(("127.0.0.1", 8587), Mail),
    ]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
    (INBOX / "ready").touch()


if __name__ == "__main__":
    main()
