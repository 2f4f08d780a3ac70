"""Who may do what: sites, groups, classes of service, trunks and codes, compiled for the policy."""
