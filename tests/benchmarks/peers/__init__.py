"""What fits the reference libraries, in a virtual environment of their own (build/peers)."""
