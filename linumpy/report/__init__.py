"""What happened to every slice, as a page; reads files, runs no algorithm."""
