"""Multiple-choice tasks: reading them from files and packages, and writing the prompts of their items."""
