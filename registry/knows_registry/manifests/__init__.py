"""What is known of a template without importing it. Read `profile` first, then `manifest`."""
