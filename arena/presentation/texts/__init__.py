"""Texts of the statistics, English and Russian side by side, by subject; `arena.presentation.catalogue` joins them."""
