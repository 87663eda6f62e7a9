"""Where checkpoints come from: local folders, the Hugging Face hub, manifests."""
