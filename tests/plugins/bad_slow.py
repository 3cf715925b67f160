#!/usr/bin/env python3
# Bad, but honest: each answer takes `slow_s`.
import json, signal, sys, time
signal.alarm(120)
slow_s = 0
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        slow_s = float(m["settings"].get("slow_s", "0.3"))
        time.sleep(slow_s)
        print('{"type":"manifest","protocol":1,"name":"slow","version":"1","role":"sender","can":["update"]}')
        print('{"type":"ready"}', flush=True)
    elif m["type"] in ("deliver", "update", "withdraw"):
        time.sleep(slow_s)
        print(json.dumps({"type": "result", "id": m["id"], "outcome": "delivered"}), flush=True)
    elif m["type"] == "stop":
        break
