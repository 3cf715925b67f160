#!/usr/bin/env python3
# Bad: reads nothing, says nothing, and ignores polite signals.
import signal, time
signal.alarm(120)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(3600)
