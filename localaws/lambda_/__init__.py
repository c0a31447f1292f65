"""Lambda: functions, versions, aliases, layers, and real processes that run them."""
