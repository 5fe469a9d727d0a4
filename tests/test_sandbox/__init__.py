"""What the sandbox promises, over real HTTP. No product code is imported here either."""
