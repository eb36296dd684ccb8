"""What may be imported, and what the installed files are. Read `permission` first."""
