"""From domain to domain: generators that are fed images, with and without pairs."""
