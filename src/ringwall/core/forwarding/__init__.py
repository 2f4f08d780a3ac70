"""Where people's calls go when they do not take them: what is set, and who may set it."""
