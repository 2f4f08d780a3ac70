"""What people are told at once, wherever they are: on their phones and by mail."""
