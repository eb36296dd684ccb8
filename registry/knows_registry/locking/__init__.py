"""The lock: which versions a composition runs, and whether what is installed is that. Read `lock` first."""
