"""Pages, and what generates some of them."""
