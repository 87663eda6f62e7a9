"""What all rooms may use: files, locks, processes, secrets, quoting, declarations and progress."""
