"""The components that come with rnnx, one a file, loaded as any plugin is."""
