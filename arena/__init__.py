"""Arena hosts contests between radiology-AI products on sealed studies."""
