"""The models under test: the protocol, the registry, control generators and adapters."""
