"""What `knows_core.journal` is made of: records, what each may hold, errors as data. Read `records` first."""
