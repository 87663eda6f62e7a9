"""This package lists and fetches checkpoints from local folders, the Hugging Face hub, and manifests."""
