#!/usr/bin/env python3
# Bad: serves, and writes messages as fast as it can, for ever.
import signal, sys
signal.alarm(120)
sys.stdin.readline()
out = sys.stdout.buffer
out.write(b'{"type":"manifest","protocol":1,"name":"flood","version":"1","role":"sender","can":[]}\n{"type":"ready"}\n')
while True:
    out.write(b'{"type":"acted","alert":"1.1","version":1,"action":"acknowledge"}\n{"type":"nonsense"}\nx\n' * 1000)
