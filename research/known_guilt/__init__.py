"""The bench of known guilt: generators that are known to leak or not, and what the default verdict says of them."""
