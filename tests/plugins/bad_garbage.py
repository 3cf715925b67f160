#!/usr/bin/env python3
# Bad: says much that is no message, before it is ready and after. Its deliveries fail with a reason full of escapes.
import json, signal, sys
signal.alarm(120)
out = sys.stdout.buffer


def junk():
    out.write(b'garbage\n\n[1]\n"x"\n\xff\xfe\x00\n{"type":3}\n{"type":"unheard"}\n{"type":"result"}\n{"type":"result","id":5}\n'
              b'{"type":"result","id":"999","outcome":"delivered"}\n{"type":"acted","alert":"1.1"}\n{"type":"closed"}\n'
              b'{"type":"acted","alert":"99999.1","version":1,"action":"acknowledge"}\n{"type":"acted","alert":7,"version":[]}\n'
              b'{"type":"event"}\n{"type":"event","id":"x","agent":1}\n{"type":"a","type":"b"}\n' + b"[" * 5000 + b"\n")


junk()
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        out.write(b'{"type":"manifest","protocol":1,"name":"junk","version":"1","role":"sender","can":[1,"fly","update"]}\n'
                  b'{"type":"ready"}\n{"type":"ready"}\n')
    elif m["type"] in ("deliver", "update"):
        out.write(json.dumps({"type": "result", "id": m["id"], "outcome": "failed",
                              "reason": "\x1b[31m<b>\u202e\n" + "why" * 5000}).encode() + b"\n")
    elif m["type"] == "stop":
        break
    if m["type"] != "ack":
        junk()
    out.flush()
