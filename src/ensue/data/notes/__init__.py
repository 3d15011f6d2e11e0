"""Tunes: read from MIDI and ABC files, put on a grid of steps, and written as the events that a network learns."""
