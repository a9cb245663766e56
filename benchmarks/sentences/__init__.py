"""What generators, rewriters and recognisers of sentences learn, on data whose truth is known."""
