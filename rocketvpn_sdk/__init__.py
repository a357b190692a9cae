"""Rocket VPN's privacy policy as code on the user's own device."""
