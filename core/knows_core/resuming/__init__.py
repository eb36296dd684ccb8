"""Runs that are on record: looked at, judged, taken up again, moved to another version, ended. Read `log` first."""
