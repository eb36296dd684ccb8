"""What lies around the state of a run, `knows_core.state`: its declared model, and how branches become one again."""
