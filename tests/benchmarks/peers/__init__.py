"""Reference libraries, the published judge and attacks, in environments of their own (build/)."""
