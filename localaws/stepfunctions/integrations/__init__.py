"""What a Task's resource can be: which AWS API it calls, how it waits, and how results and errors are named.

Called by `runner`, and by `definition` to refuse what isn't here. Sources: "Integrating services" and
"Learning to use AWS service SDK integrations" in the Step Functions Developer Guide.
"""
