"""Tasks with labelled images: CIFAR-10, digits, and a user's own images in a folder or an .npz file."""
