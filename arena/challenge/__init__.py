"""What an organiser declares: findings, case sets, phases, limits and rules, as files in a folder."""
