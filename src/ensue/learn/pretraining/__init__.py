"""Learning from sequences that nobody measured: generators, batches of them, and how the bundled model is trained."""
