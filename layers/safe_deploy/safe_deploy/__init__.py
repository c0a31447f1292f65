"""What the release's functions share: decisions (domain), AWS services (gateways), pages and errors."""
