"""What the doors show: rounded read models, texts in two languages, charts, tables. Nothing here computes a score."""
