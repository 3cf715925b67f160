#!/usr/bin/env python3
# Bad: serves, and dies in the middle of every delivery.
import json, os, signal, sys
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        print('{"type":"manifest","protocol":1,"name":"crash","version":"1","role":"sender","can":["update","withdraw"]}')
        print('{"type":"ready"}', flush=True)
    elif m["type"] == "deliver":
        print('{"type":"result","id":"' + m["id"], end="", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    elif m["type"] == "stop":
        break
