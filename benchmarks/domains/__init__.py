"""What conditions and translations learn, measured against what is known of the data."""
