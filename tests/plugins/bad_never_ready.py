#!/usr/bin/env python3
# Bad: says its manifest and never that it is ready.
import json, signal, sys
signal.alarm(120)
for line in sys.stdin:
    if json.loads(line)["type"] == "hello":
        print('{"type":"manifest","protocol":1,"name":"never","version":"1","role":"sender","can":[]}', flush=True)
