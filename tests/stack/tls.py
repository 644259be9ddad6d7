"""Reads a page over TLS by OpenSSL, in every way a client may.

Usage: tls.py HOST:PORT AUTHORITY CLIENT USER:PASSWORD
"""

import base64
import http.client
import socket
import ssl
import sys

address, authority, client, login = sys.argv[1:]
host, port = address.split(":")
fields = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}


def context(version=None, certificate=None):
    made = ssl.create_default_context(cafile=authority)
    if version:
        made.minimum_version = made.maximum_version = version
    if certificate:
        made.load_cert_chain(certificate)
    return made


for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    for certificate in None, client:
        connection = http.client.HTTPSConnection("localhost", int(port), context=context(version, certificate))
        for _ in range(3):
            connection.request("GET", "/metrics", headers=fields)
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, response.status
            assert body.endswith(b"\n") and b"httplog_exporter_build_info" in body
        connection.close()

# A client that leaves without announcing it.
plain = socket.create_connection((host, int(port)))
encrypted = context().wrap_socket(plain, server_hostname="localhost")
encrypted.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
assert encrypted.recv(12) == b"HTTP/1.1 401"
encrypted.close()

# Versions and protocols that are not spoken.
old = context()
old.minimum_version = ssl.TLSVersion.TLSv1
old.maximum_version = ssl.TLSVersion.TLSv1_1
http2 = context()
http2.set_alpn_protocols(["h2"])
for refused in old, http2:
    try:
        refused.wrap_socket(socket.create_connection((host, int(port))), server_hostname="localhost")
    except (ssl.SSLError, ConnectionError):
        continue
    raise AssertionError("accepted")

both = context()
both.set_alpn_protocols(["h2", "http/1.1"])
chosen = both.wrap_socket(socket.create_connection((host, int(port))), server_hostname="localhost")
assert chosen.selected_alpn_protocol() == "http/1.1"
