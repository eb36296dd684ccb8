"""Around `knows_core.flow`: how people make flows, and where in one everything is. Read `building` first."""
