"""Pictures without colour: result objects become rows, cells, words and semantic roles."""
