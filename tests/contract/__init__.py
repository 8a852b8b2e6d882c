"""The contract that every generator keeps, old or new: one class of promises, one test module a
method."""
