#!/usr/bin/env python3
# Bad: speaks another version of the protocol.
import signal, sys
signal.alarm(120)
for line in sys.stdin:
    print('{"type":"manifest","protocol":2,"name":"new","version":"9","role":"sender","can":["fly"]}', flush=True)
    print('{"type":"ready"}', flush=True)
