"""What changed between two versions of a template, and what number that asks for. Read `contract_diff` first."""
