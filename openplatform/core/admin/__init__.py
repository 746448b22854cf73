"""What the admin pages of all apps stand on."""
