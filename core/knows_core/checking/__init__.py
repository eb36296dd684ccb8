"""What can be told of a template without running it: seams, state keys, problems, drawings. Read `seams` first."""
