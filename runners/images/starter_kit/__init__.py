"""What a vendor copies into an image: the container's side of the contract."""
