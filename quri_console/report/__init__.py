"""Reports for people who were not there, and the runbook for those who are: pure, from facts to text."""
