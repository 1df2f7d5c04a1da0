"""How the shipped data came about, and what is said of the product: rendering, training, benchmarks, known guilt."""
