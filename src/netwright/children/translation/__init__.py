"""The translator around a recurrent layer: encoder, attention, decoder, and the search for the best translation."""
