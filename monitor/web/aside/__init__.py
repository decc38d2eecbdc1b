"""Work that would keep pages waiting, done in a process of its own."""
