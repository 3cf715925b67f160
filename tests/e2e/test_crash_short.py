#!/usr/bin/env python3
"""A short round of tests/crash/run: kills, plugin kills, stops. `make crash` does the thousand."""
# time limit: 120 s
import os
import sys

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "crash", "run")
os.execv(sys.executable, [sys.executable, RUN, "--quick"] + sys.argv[1:])
