"""Access of devices: registering them in bulk, what they prove themselves with, what is held against them."""
