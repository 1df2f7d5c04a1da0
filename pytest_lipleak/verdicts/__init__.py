"""Limits, the verdict of a measured value against one, how a whole run ends: plain data, no clip is looked at."""
