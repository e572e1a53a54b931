"""What draws: the dashboard, the bar, plain lines, JSON."""
