#!/usr/bin/env python3
# Bad: serves, and acts and reports as fast as it can, each message well-formed. With `reads` it takes the answers.
import json, signal, sys, threading
signal.alarm(120)
settings = json.loads(sys.stdin.readline())["settings"]
out = sys.stdout.buffer
out.write(b'{"type":"manifest","protocol":1,"name":"flood","version":"1","role":"sender","can":[]}\n{"type":"ready"}\n')
if settings.get("reads"):
    threading.Thread(target=lambda: [None for _ in sys.stdin], daemon=True).start()
for i in range(1 << 60):
    out.write(b'{"type":"acted","alert":"999999.1","version":1,"action":"acknowledge"}\n'
              b'{"type":"event","id":"%016x","agent":"shell","session":"flood-%d","state":"working","title":"%s"}\n'
              % (i, i % 100, b"x" * 500))
