"""The models under test: their interface, the registry, control generators and adapters."""
