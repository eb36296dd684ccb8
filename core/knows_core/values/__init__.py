"""Values: what is known of one, when two are the same, and how they become canonical JSON. Read `traits` first."""
