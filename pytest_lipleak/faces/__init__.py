"""Face tracks, crops, landmarks and embeddings."""
