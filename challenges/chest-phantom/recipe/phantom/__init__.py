"""Chest Phantom: generated chest radiographs with three findings, the same bytes for the same seed."""
