"""The reference libraries and the published judge, in an environment of their own (build/peers)."""
