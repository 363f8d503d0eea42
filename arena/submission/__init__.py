"""What a vendor hands in: an image archive, checked before anything is stored or loaded."""
