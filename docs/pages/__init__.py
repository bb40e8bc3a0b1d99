"""One module a generated page; each gives text and touches no file."""
