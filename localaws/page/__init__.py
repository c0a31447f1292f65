"""The page a person sees in a browser."""
