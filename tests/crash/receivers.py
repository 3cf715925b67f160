"""The receivers' far ends: an HTTP server for the webhook plugin, and a notification server on a private bus.

Each writes what arrived to a file, one JSON object a line. Standard library only, so D-Bus is spoken by hand:
just what a notification server needs.
"""
import http.server
import json
import os
import socket
import struct
import threading
import time


def wall_ms():
    return int(time.time() * 1000)


class Journal:
    """A file that takes whole lines."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, **row):
        os.write(self.fd, json.dumps(row, ensure_ascii=False).encode() + b"\n")


# ---- HTTP ------------------------------------------------------------------------------------------------------

def serve_http(journal):
    """Starts the server; returns its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            journal.add(t=wall_ms(), **json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args):
            pass  # a plugin was killed in the middle of a request

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


# ---- D-Bus -----------------------------------------------------------------------------------------------------

SIZES = {"y": ("B", 1), "b": ("I", 4), "n": ("h", 2), "q": ("H", 2), "i": ("i", 4), "u": ("I", 4),
         "x": ("q", 8), "t": ("Q", 8), "d": ("d", 8)}
ALIGN = {"s": 4, "o": 4, "a": 4, "g": 1, "v": 1, "(": 8, "{": 8, **{k: v[1] for k, v in SIZES.items()}}


def one_type(signature):
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + one_type(signature[1:])
    if signature[0] in "({":
        depth = 0
        for i, c in enumerate(signature):
            depth += (c in "({") - (c in ")}")
            if depth == 0:
                return signature[:i + 1]
    return signature[0]


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def align(self, n):
        self.at = (self.at + n - 1) // n * n

    def take(self, kind):
        c = kind[0]
        self.align(ALIGN[c])
        if c in SIZES:
            code, size = SIZES[c]
            value = struct.unpack_from("<" + code, self.data, self.at)[0]
            self.at += size
            return value
        if c in "sog":
            length = self.take("y" if c == "g" else "u")
            value = self.data[self.at:self.at + length].decode()
            self.at += length + 1
            return value
        if c == "v":
            return self.take(self.take("g"))
        if c == "a":
            length = self.take("u")
            self.align(ALIGN[kind[1]])
            end, values = self.at + length, []
            while self.at < end:
                values.append(self.take(kind[1:]))
            return values
        return self.all(kind[1:-1])

    def all(self, signature):
        values = []
        while signature:
            kind = one_type(signature)
            signature = signature[len(kind):]
            values.append(self.take(kind))
        return values


def pad(data, n):
    return data + b"\0" * (-len(data) % n)


def put(data, kind, value):
    data = pad(data, ALIGN[kind[0]])
    if kind in SIZES:
        return data + struct.pack("<" + SIZES[kind][0], value)
    if kind in "so":
        return data + struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
    if kind == "g":
        return data + bytes([len(value)]) + value.encode() + b"\0"
    inner = b""  # an array of strings
    for item in value:
        inner = put(inner, kind[1], item)
    return data + struct.pack("<I", len(inner)) + inner


class Notifications(threading.Thread):
    """org.freedesktop.Notifications: shows nothing, writes down everything, closes what it is asked to."""

    NAME = "org.freedesktop.Notifications"

    def __init__(self, path, journal):
        super().__init__(daemon=True)
        self.journal, self.serial, self.next_id, self.shown = journal, 0, 0, {}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        self.input = self.socket.makefile("rb")
        if not self.input.readline().startswith(b"OK"):
            raise OSError("the bus lets nobody in")
        self.socket.sendall(b"BEGIN\r\n")
        bus = ("/org/freedesktop/DBus", "org.freedesktop.DBus")
        self.send(1, [(1, "o", bus[0]), (2, "s", bus[1]), (3, "s", "Hello"), (6, "s", bus[1])])
        self.send(1, [(1, "o", bus[0]), (2, "s", bus[1]), (3, "s", "RequestName"), (6, "s", bus[1])],
                  "su", self.NAME, 4)
        self.start()

    def send(self, kind, fields, signature="", *values):
        body, left = b"", signature
        for value in values:
            one = one_type(left)
            left = left[len(one):]
            body = put(body, one, value)
        if signature:
            fields = fields + [(8, "g", signature)]
        head = b""
        for code, field_kind, value in fields:
            head = put(put(pad(head, 8) + bytes([code]), "g", field_kind), field_kind, value)
        self.serial += 1
        self.socket.sendall(pad(struct.pack("<cBBBIII", b"l", kind, kind != 1, 1, len(body), self.serial, len(head))
                                + head, 8) + body)

    def run(self):
        while True:
            start = self.input.read(16)
            if len(start) < 16:
                return
            body_len, _, head_len = struct.unpack("<III", start[4:])
            head = start + self.input.read((head_len + 7) // 8 * 8)
            body = self.input.read(body_len)
            fields = dict(Reader(head, 12).take("a(yv)"))
            if start[1] == 1:
                serial = struct.unpack("<I", start[8:12])[0]
                self.call(fields, serial, Reader(body).all(fields.get(8, "")))

    def call(self, fields, serial, args):
        back = [(5, "u", serial), (6, "s", fields[7])]
        method = fields[3]
        if fields.get(2, self.NAME) != self.NAME:
            method = ""
        if method == "Notify":
            self.send(2, back, "u", self.notify(*args))
        elif method == "CloseNotification":
            gone = self.shown.pop(args[0], None)
            self.journal.add(t=wall_ms(), op="close", id=args[0], known=gone is not None)
            self.send(2, back)
            self.send(4, [(1, "o", "/org/freedesktop/Notifications"), (2, "s", self.NAME),
                          (3, "s", "NotificationClosed")], "uu", args[0], 3)
        elif method == "GetCapabilities":
            self.send(2, back, "as", ["actions", "body", "body-markup"])
        elif method == "GetServerInformation":
            self.send(2, back, "ssss", "crash", "quietbell", "1", "1.2")
        else:
            self.send(3, back + [(4, "s", "org.freedesktop.DBus.Error.UnknownMethod")])

    def notify(self, app, replaces, icon, title, body, actions, hints, timeout):
        popup = replaces
        if not popup:
            self.next_id += 1
            popup = self.next_id
        self.shown[popup] = title + "\n" + body
        self.journal.add(t=wall_ms(), op="notify", id=popup, replaces=replaces, title=title, body=body,
                         silent=bool(dict(hints).get("suppress-sound")))
        return popup
