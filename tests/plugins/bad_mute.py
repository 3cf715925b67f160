#!/usr/bin/env python3
# Bad: serves, takes deliveries, and never answers one.
import json, signal, sys
signal.alarm(120)
for line in sys.stdin:
    if json.loads(line)["type"] == "hello":
        print('{"type":"manifest","protocol":1,"name":"mute","version":"1","role":"sender","can":["update","withdraw"]}')
        print('{"type":"ready"}', flush=True)
