#!/usr/bin/env python3
# A whole quietbell plugin: appends alerts to a file. See quietbell-plugin(7).
import json, sys
def say(**message): print(json.dumps(message), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        path = m["settings"]["path"]
        say(type="manifest", protocol=1, name="example", version="1", role="sender", can=[]); say(type="ready")
    elif m["type"] == "deliver":
        with open(path, "a") as out: out.write(m["alert"]["title"] + "\n")
        say(type="result", id=m["id"], outcome="delivered")
    elif m["type"] == "stop": break
