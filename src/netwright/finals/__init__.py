"""What differs between the kinds of networks in their final training."""
