"""Recurrent cells beyond vanilla, LSTM and GRU: one file a cell, with its paper and its source."""
