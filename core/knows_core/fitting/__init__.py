"""What fits what, by kind of type; the door is `knows_core.types`. Read `verdict` first, then `reading`."""
