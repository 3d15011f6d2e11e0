"""The parts of `ensue stream`: lines become rows, rows go through the streams, answers become lines, streams a state file."""
