#!/usr/bin/env python3
# Bad: answers each delivery three times, differently, and others' too.
import json, signal, sys
signal.alarm(120)
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        print('{"type":"manifest","protocol":1,"name":"double","version":"1","role":"sender","can":["update","withdraw"]}')
        print('{"type":"ready"}', flush=True)
        if "path" in m["settings"]:
            path = m["settings"]["path"]
    elif m["type"] in ("deliver", "update", "withdraw"):
        with open(path, "a", encoding="utf-8") as out:
            out.write(line)
        for outcome in ("delivered", "retry", "failed"):
            print(json.dumps({"type": "result", "id": m["id"], "outcome": outcome, "reason": "again"}))
        print(json.dumps({"type": "result", "id": str(int(m["id"]) + 1), "outcome": "delivered"}), flush=True)
    elif m["type"] == "stop":
        break
