"""Sound: files to samples, samples to what a network reads."""
