"""What `knows_core.machine` does at each place of a flow, without any IO. Read `wishes` first, then `situation`."""
