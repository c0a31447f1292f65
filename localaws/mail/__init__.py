"""Where the mail of the laptop's AWS arrives."""
