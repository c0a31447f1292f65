"""The laptop's AWS: what the product needs of AWS, on one machine. Nothing of the product imports it."""
