"""Where films, posters and trailers come from."""
