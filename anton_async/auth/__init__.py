"""Credentials, keys, proofs and tokens: who we are, and how each request proves it."""
