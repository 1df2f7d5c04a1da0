"""Sync experts: networks that say how well lips follow audio, and the scores made of them."""
