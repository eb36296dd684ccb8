"""What does what the machine asks for: threads, event loops, turns, leases. Read `drivers` first, then `dispatcher`."""
