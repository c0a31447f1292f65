"""`safe-deploy`: releases from the terminal, on AWS or on the laptop's AWS, through AWS's APIs alone."""
