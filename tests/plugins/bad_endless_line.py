#!/usr/bin/env python3
# Bad: serves, and begins a line that never ends.
import signal, sys
signal.alarm(120)
sys.stdin.readline()
out = sys.stdout.buffer
out.write(b'{"type":"manifest","protocol":1,"name":"endless","version":"1","role":"sender","can":[]}\n{"type":"ready"}\n')
out.write(b'{"type":"result","id":"1","outcome":"')
while True:
    out.write(b"x" * 65536)
