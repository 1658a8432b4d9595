"""What connects the SDK to frameworks; each module says which extra it needs."""
