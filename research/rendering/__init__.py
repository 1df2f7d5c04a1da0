"""Talking faces from public-domain portraits and synthetic speech.

A build-time package: it renders the clips that ship in ``fixtures/clips`` and the training clips of the embedded
sync expert. The installed product never imports it.
"""
