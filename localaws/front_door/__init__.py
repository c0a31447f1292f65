"""The one address that speaks AWS's protocols: who calls, what is called, may it be served."""
