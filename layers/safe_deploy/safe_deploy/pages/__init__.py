"""The HTML that an approver sees. Used by show_approval and decide_approval."""
