"""Videos, embeddings and scores: each made once, found again in a store, by whoever is free."""
