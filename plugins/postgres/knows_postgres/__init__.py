"""The state backend on postgres."""
