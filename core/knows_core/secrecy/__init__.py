"""Secrets: looked up here, taken out of every text, and kept out of records. Read `secrets` first."""
