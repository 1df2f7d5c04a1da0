"""Adapters of published systems, one file each: the network is the checkout's, all around it is ours."""
