"""The application behind every server of `servers.py`, for WSGI and for ASGI.

A path `/s/STATUS/…` is answered with this status. A WebSocket below `/ws/` is accepted and closed by the client; any
other is refused.
"""


def status_of(path):
    words = path.split("/")
    return int(words[2]) if len(words) > 2 and words[1] == "s" and words[2].isdigit() else 404


def body_of(method, status):
    return b"" if method == "HEAD" or status in (204, 304) else b"twelve bytes"


def wsgi(environ, start_response):
    environ["wsgi.input"].read()
    status = status_of(environ.get("PATH_INFO", ""))
    body = body_of(environ["REQUEST_METHOD"], status)
    headers = [] if status in (204, 304) else [("Content-Length", str(len(body)))]
    start_response(f"{status} Reason", headers)
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        if not scope["path"].startswith("/ws/"):
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    else:
        while (await receive()).get("more_body"):
            pass
        status = status_of(scope["path"])
        body = body_of(scope["method"], status)
        headers = [] if status in (204, 304) else [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
