"""A step in a process of its own: both ends of the pipe. Read `isolated` first."""
