#!/usr/bin/env python3
# Bad: ends before it says anything.
import sys
sys.exit(3)
