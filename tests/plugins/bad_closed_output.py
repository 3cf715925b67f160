#!/usr/bin/env python3
# Bad: serves, closes its output and lives on.
import os, signal, sys, time
signal.alarm(120)
sys.stdin.readline()
print('{"type":"manifest","protocol":1,"name":"closed","version":"1","role":"sender","can":[]}')
print('{"type":"ready"}', flush=True)
null = os.open("/dev/null", os.O_RDWR)
os.dup2(null, 0)
os.dup2(null, 1)
time.sleep(110)
