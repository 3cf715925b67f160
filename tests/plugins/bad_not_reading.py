#!/usr/bin/env python3
# Bad: serves, and never reads again; what it is sent piles up.
import signal, sys, time
signal.alarm(120)
sys.stdin.readline()
print('{"type":"manifest","protocol":1,"name":"deaf","version":"1","role":"sender","can":["update","withdraw"]}')
print('{"type":"ready"}', flush=True)
while True:
    time.sleep(3600)
