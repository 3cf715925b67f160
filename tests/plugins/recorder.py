#!/usr/bin/env python3
# A plugin for tests: appends every message from the host to the file `path`, as it came. Its settings choose
# what it `can` (default update and withdraw), the `outcome` of deliveries and the file `orders`: lines in it are said.
import json, os, sys


def say(**message):
    try:
        print(json.dumps(message), flush=True)
    except BrokenPipeError:  # the daemon was killed: that is what is tested
        os._exit(0)


settings = {}
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        settings = m["settings"]
        say(type="manifest", protocol=1, name="recorder", version="1", role="sender",
            can=settings.get("can", ["update", "withdraw"]))
        say(type="ready")
    with open(settings["path"], "a", encoding="utf-8") as out:
        out.write(line)
    if m["type"] in ("deliver", "update", "withdraw"):
        say(type="result", id=m["id"], outcome=settings.get("outcome", "delivered"), reason="told to")
    elif m["type"] == "stop":
        break
