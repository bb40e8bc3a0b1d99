"""What wakes people outside of Slack: PagerDuty, Amazon SNS, and any receiver of signed JSON."""
