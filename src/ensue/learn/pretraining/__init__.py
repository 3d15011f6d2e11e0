"""Learning from sequences that nobody measured: generators, what a batch of them is, and the training of the bundled model."""
