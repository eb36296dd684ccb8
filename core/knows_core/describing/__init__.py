"""Types as data, equal under every pydantic, for contracts and manifests. Read `descriptors` first."""
