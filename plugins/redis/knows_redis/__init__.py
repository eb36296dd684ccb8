"""The state backend on redis."""
