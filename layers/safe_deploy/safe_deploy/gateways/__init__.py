"""One module per AWS service: calls made, answers reduced to the domain's terms, failures to our errors."""
