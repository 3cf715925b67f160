#!/usr/bin/env python3
# Bad: leaves a child that holds its pipes, and dies.
import os, signal, sys, time
signal.alarm(20)
sys.stdin.readline()
print('{"type":"manifest","protocol":1,"name":"parent","version":"1","role":"sender","can":[]}')
print('{"type":"ready"}', flush=True)
if os.fork() == 0:
    signal.alarm(20)
    time.sleep(19)
    os._exit(0)
os._exit(0)
